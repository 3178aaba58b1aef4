import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedPath, isLeftOut } from './file-tree.ts'
import type { DebianPackage } from './debian-packages.ts'
import { parsePackageList, resolveNames } from './list.ts'
import { gemProvide, pkgConfigProvide, pythonProvides } from './provides.ts'
import { fillPlaceholders, releaseOf } from './release.ts'
import { renderFileList } from './spec.ts'

test('parsePackageList() reads names, aliases and the packages of the buildroot', () => {
  assert.deepEqual(
    parsePackageList(
      '# text\n* g++ gcc-c++ c++ # compiler\nlibxml2\n\nperl = perl-devel\n',
      'own.list',
    ),
    [
      {
        line: 'line 2 of own.list',
        debianName: 'g++',
        names: ['g++'],
        rpmName: 'gcc-c++',
        provides: ['c++'],
        inBuildRoot: true,
      },
      {
        line: 'line 3 of own.list',
        debianName: 'libxml2',
        names: ['libxml2'],
        rpmName: 'libxml2',
        provides: [],
        inBuildRoot: false,
      },
      {
        line: 'line 5 of own.list',
        debianName: 'perl',
        names: ['perl'],
        rpmName: 'perl',
        provides: ['perl-devel'],
        inBuildRoot: false,
      },
    ],
  )
})

const RENAMED = parsePackageList(
  'libelf1t64|libelf1 elfutils-libelf\nlibstdc++-*-dev libstdc++-devel\na|b\n',
  'own.list',
)
for (const [existing, want] of [
  // Debian 12, Debian 13 and Ubuntu 24.04
  [
    ['libelf1', 'libstdc++-12-dev', 'b'],
    ['libelf1 elfutils-libelf', 'libstdc++-12-dev libstdc++-devel', 'b b'],
  ],
  [
    ['libelf1t64', 'libstdc++-14-dev', 'a'],
    ['libelf1t64 elfutils-libelf', 'libstdc++-14-dev libstdc++-devel', 'a a'],
  ],
  [
    ['libelf1t64', 'libstdc++-13-dev', 'libstdc++-13-dev-x', 'a', 'b'],
    ['libelf1t64 elfutils-libelf', 'libstdc++-13-dev libstdc++-devel', 'a a'],
  ],
  [[], ['libelf1t64 elfutils-libelf', 'a a']],
] as const)
  test(`resolveNames() chooses names that exist: ${existing.join(', ')}`, () => {
    const resolved = resolveNames(RENAMED, new Map(existing.map((name) => [name, true])))
    assert.deepEqual(
      resolved.map((one) => `${one.debianName} ${one.rpmName}`),
      want,
    )
  })

const package_ = (version: string): DebianPackage => ({
  name: 'x',
  version,
  noarch: false,
  depends: '',
  provides: '',
  summary: 'x',
})
for (const [host, versions, want, text] of [
  [
    { id: 'debian', version: '12' },
    {
      python3: '3.11.2-1+b1',
      'perl-base': '5.36.0-7+deb12u3',
      automake: '1:1.16.5-1.3',
      rpm: '4.18.0+dfsg-1+deb12u1',
      'lua5.4': '5.4.4-3',
      ruby: '1:3.1',
    },
    { python: '3.11', perl: '5.36.0', automake: '1.16', rpm: '4.18', lua: '5.4', ruby: '3.1' },
    '%debian 12\n%dist %{?distprefix}.deb12 3.11 311',
  ],
  [
    { id: 'debian', version: '13' },
    { python3: '3.13.5-1', 'perl-base': '5.40.1-6', automake: '1:1.17-4', rpm: '4.20.1+dfsg-3' },
    {
      python: '3.13',
      perl: '5.40.1',
      automake: '1.17',
      rpm: '4.20',
      lua: undefined,
      ruby: undefined,
    },
    '%debian 13\n%dist %{?distprefix}.deb13 3.13 313',
  ],
  [
    { id: 'ubuntu', version: '24.04' },
    {
      python3: '3.12.3-0ubuntu2',
      'perl-base': '5.38.2-3.2ubuntu0.2',
      rpm: '4.18.2+dfsg-2.1build2',
    },
    {
      python: '3.12',
      perl: '5.38.2',
      automake: undefined,
      rpm: '4.18',
      lua: undefined,
      ruby: undefined,
    },
    '%ubuntu 2404\n%dist %{?distprefix}.ubuntu24.04 3.12 312',
  ],
] as const)
  test(`releaseOf() reads the versions of ${host.id} ${host.version} from its packages`, () => {
    const entries = Object.entries(versions)
    const packages = new Map(entries.map(([name, version]) => [name, package_(version)]))
    const release = releaseOf(host, packages)
    assert.deepEqual(release, { ...host, ...want })
    assert.equal(
      /%install/.test(fillPlaceholders('@DEBUG_PACKAGES@', release)),
      want.rpm === '4.18',
    )
    assert.equal(fillPlaceholders('@RELEASE_MACROS@ @PYTHON@ @PYTHON_NODOTS@', release), text)
    if (want.ruby) assert.equal(fillPlaceholders('@RUBY@ @LUA@', release), '3.1.0 5.4')
  })

test('pkgConfigProvide() expands variables', () => {
  const text = 'prefix=/usr\nmajor=1\nfull=${major}.2\nName: x\nVersion: ${full}\n'
  assert.deepEqual(pkgConfigProvide('/usr/lib/pkgconfig/x.pc', text), ['pkgconfig(x) = 1.2'])
})

test('gemProvide() reads the name and the version of a gem', () => {
  const dir = '/usr/lib/ruby/gems/3.1.0/specifications'
  for (const [path, want] of [
    [`${dir}/default/net-http-0.3.0.gemspec`, ['rubygem(net-http) = 0.3.0']],
    [
      '/usr/share/rubygems-integration/all/specifications/rake-13.0.6.gemspec',
      ['rubygem(rake) = 13.0.6'],
    ],
    ['/usr/share/gems/rake.gemspec', []],
  ] as const)
    assert.deepEqual(gemProvide(path), want)
})

test('pythonProvides() normalizes the name and drops trailing zeros', () => {
  const text = 'Metadata-Version: 2.1\nName: Flit_Core\nVersion: 3.8.0\n'
  assert.deepEqual(pythonProvides('x', text, '3.13'), [
    'python3dist(flit-core) = 3.8',
    'python3.13dist(flit-core) = 3.8',
  ])
})

test('mergedPath() maps paths that the /usr merge moved, such as /bin/ls, to their paths in /usr', () => {
  assert.deepEqual(['/bin/ls', '/lib64/ld.so', '/library', '/lib'].map(mergedPath), [
    '/usr/bin/ls',
    '/usr/lib64/ld.so',
    '/library',
    '/usr/lib',
  ])
})

test('isLeftOut() distinguishes documentation from data', () => {
  assert.deepEqual(['/usr/share/doc/x', '/usr/share/docbook/x', '/usr/share/man'].map(isLeftOut), [
    true,
    false,
    true,
  ])
})

test('renderFileList() escapes names that rpmbuild would expand', () => {
  const files = ['/usr/bin/[', '/a/b[c]d', '/a/100%'].map((path) => ({
    path,
    kind: 'file' as const,
  }))
  assert.equal(renderFileList(files), '"/usr/bin/["\n"/a/b?c?d"\n"/a/100%%"\n')
})
