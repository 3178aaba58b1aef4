import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { verifyDigests } from './digests.ts'
import { emptyPackage } from './empty-package.ts'
import { RpmFormatError } from './errors.ts'
import { readRpmHeaderFromBuffer } from './header.ts'
import { formatDependency, packageInfo, type Requirement } from './package-info.ts'
import { missingTools, run, temporaryDirectory } from './testing/real-rpm.ts'

const NAMES = { name: 'needs', version: '1', release: '1', summary: 'Needs things' }
const REQUIRES = [
  'foo[bar]',
  'foo*',
  'foo',
  'foo = 1:2-3',
  'foo < 9',
  'foo <= 8',
  'foo > 0.1',
  '/usr/bin/foo',
  'pkgconfig(zlib) >= 1.2',
  'foo.x86_64',
  'http://example.com/x',
  'tilde > 1~rc1',
  '(a or b)',
  '(x >= 1 if (y with z < 2^git1) else w)',
]

function requirement(text: string): Requirement {
  const [, name, comparison, version] = /^([^( ]\S*) (<|<=|=|>=|>) (\S+)$/.exec(text) ?? []
  return name === undefined || version === undefined
    ? { name: text, comparison: '', version: '' }
    : { name, comparison: comparison as Requirement['comparison'], version }
}

suite('emptyPackage() and the real rpm', { skip: missingTools('rpmbuild', 'rpm') }, () => {
  /** rpmlib() features that only packages with files need. They are not compared. */
  const FOR_FILES = /^rpmlib\((CompressedFileNames|FileDigests|PayloadFilesHavePrefix)\)/
  const FORMAT = '[%{REQUIRENAME}|%{REQUIREFLAGS}|%{REQUIREVERSION}\n]'

  for (const [title, requires] of [
    ['names, versions, paths and rich dependencies', REQUIRES],
    ['one name', ['make']],
    ['nothing', []],
  ] as const)
    test(`emptyPackage() stores the same requirements and flags as rpmbuild for ${title}`, async () => {
      await using dir = await temporaryDirectory()
      const spec = join(dir.path, 'a.spec')
      const head = 'Name: a\nVersion: 1\nRelease: 1\nSummary: A\nLicense: MIT\nBuildArch: noarch\n'
      const lines = requires.map((one) => `Requires: ${one}\n`).join('')
      await writeFile(spec, `${head}${lines}%description\nA.\n%files\n`)
      const defines = { _topdir: dir.path, _rpmfilename: 'a.rpm', _binary_payload: 'w9.gzdio' }
      const options = Object.entries(defines).flatMap((one) => ['--define', one.join(' ')])
      run('rpmbuild', ['-bb', ...options, spec])
      const made = join(dir.path, 'made.rpm')
      await writeFile(made, emptyPackage({ ...NAMES, requires: requires.map(requirement) }))
      const stored = (path: string): string[] =>
        run('rpm', ['-qp', '--nosignature', '--qf', FORMAT, path])
          .split('\n')
          .filter((line) => line !== '' && !FOR_FILES.test(line))
      assert.deepEqual(stored(made), stored(join(dir.path, 'RPMS', 'a.rpm')))
    })

  test('rpm checks the digests of an empty package, installs the package and removes it', async () => {
    await using dir = await temporaryDirectory()
    const path = join(dir.path, 'needs.rpm')
    await writeFile(path, emptyPackage({ ...NAMES, requires: [] }))
    const checked = run('rpm', ['-Kv', path])
    for (const digest of ['Header SHA256', 'Header SHA1', 'Payload SHA256', 'MD5'])
      assert.match(checked, new RegExp(`${digest} digest: OK`))
    const root = join(dir.path, 'root')
    await mkdir(root)
    const inRoot = (...args: string[]): string =>
      run('rpm', ['--root', root, '--dbpath', '/var/lib/rpm', ...args])
    inRoot('-i', path)
    assert.equal(inRoot('-qa', '--qf', '%{NEVRA}\n'), 'needs-1-1.noarch\n')
    inRoot('-e', '--justdb', '--nodeps', 'needs')
    assert.equal(inRoot('-qa'), '')
  })

  test('rpm refuses to install an empty package if one of its requirements is missing', async () => {
    await using dir = await temporaryDirectory()
    const path = join(dir.path, 'needs.rpm')
    await writeFile(path, emptyPackage({ ...NAMES, requires: REQUIRES.map(requirement) }))
    await mkdir(join(dir.path, 'root'))
    const args = ['--root', join(dir.path, 'root'), '--dbpath', '/var/lib/rpm', '-i', path]
    assert.throws(
      () => run('rpm', args),
      ({ stderr }: { stderr: string }) =>
        [...REQUIRES.slice(0, 2), '(a or b)', 'pkgconfig(zlib) >= 1.2'].every((one) =>
          stderr.includes(`${one} is needed by needs-1-1.noarch`),
        ),
    )
  })
})

test('emptyPackage() writes thousands of requirements and long names', async () => {
  const names = Array.from({ length: 5000 }, (_, i) => `dependency(${i})`)
  const long = 'x'.repeat(64 * 1024)
  const bytes = emptyPackage({ ...NAMES, requires: [...names, long, long].map(requirement) })
  const info = packageInfo(await readRpmHeaderFromBuffer(bytes))
  assert.equal(info.nevra, 'needs-1-1.noarch')
  assert.equal(info.isSource, false)
  assert.deepEqual(info.requires.map(formatDependency), [...names, long].toSorted())
})

test('emptyPackage() writes digests that match', async () => {
  await using dir = await temporaryDirectory()
  const path = join(dir.path, 'needs.rpm')
  await writeFile(path, emptyPackage({ ...NAMES, requires: [requirement('make')] }))
  assert.deepEqual(await verifyDigests(path), [
    'size',
    'header-sha1',
    'header-sha256',
    'payload',
    'header-and-payload-md5',
  ])
})

test('emptyPackage() refuses NUL, which would end a name early', () => {
  const requires = [requirement('a'), requirement('b\0c')]
  assert.throws(() => emptyPackage({ ...NAMES, requires }), RpmFormatError)
})
