import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { runOrThrow } from '@copr/process/run'
import type { RecordedContext } from './testing/build-fixture.ts'
import { build, fixture, reasonOf, skip, specOf, useFixture } from './testing/engine-suite.ts'

useFixture()

test(
  'the native engine builds a C program with a source from the lookaside cache',
  { skip },
  async () => {
    const spec = `Name: hello
Version: 1.0
Release: 1
Summary: Hello
License: MIT
Source0: hello.c
Source1: words.bin
BuildRequires: gcc, zlib-devel >= 1.0
%description
Hello.
%prep
cp %{SOURCE0} %{SOURCE1} .
%build
gcc -O2 -o hello hello.c -lz
%install
install -D hello %{buildroot}%{_bindir}/hello
%files
%{_bindir}/hello
`
    const files = { 'hello.c': '#include <zlib.h>\nint main(){return zlibVersion()==0;}\n' }
    const task = await fixture.task(spec, {
      files,
      lookaside: { 'words.bin': Buffer.from([0, 1, 2]) },
    })
    const { context, outcome } = await build(task)
    assert.equal(outcome.outcome, 'succeeded', context.text())
    const names = [...context.uploads.keys()]
    for (const name of [
      'hello-1.0-1.x86_64.rpm',
      'hello-1.0-1.src.rpm',
      'hello.spec',
      'build.log.gz',
      'root.log.gz',
      'state.log.gz',
      'hw_info.log.gz',
      'installed_pkgs.log.gz',
    ])
      assert.ok(names.includes(name), `${name} in ${names.join(' ')}`)
    const { packages } = JSON.parse(await uploaded(context, 'results.json')) as {
      packages: unknown[]
    }
    assert.deepEqual(packages, [
      { name: 'hello', epoch: null, version: '1.0', release: '1', arch: 'x86_64' },
      { name: 'hello', epoch: null, version: '1.0', release: '1', arch: 'src' },
    ])
    const info = await runOrThrow('rpm', [
      '-qp',
      '--nosignature',
      '--qf',
      '%{VENDOR}|%{BUILDHOST}',
      context.uploads.get('hello-1.0-1.x86_64.rpm') ?? '',
    ])
    assert.equal(info, 'Copr - user jane|builder')
    assert.match(await uploaded(context, 'build.log.gz'), /Wrote: .*hello-1.0-1.x86_64.rpm/)
    assert.match(await uploaded(context, 'installed_pkgs.log.gz'), /^zlib-devel-/m)
    assert.match(context.text(), /Build succeeded\n$/)
    if (outcome.outcome !== 'succeeded') return
    assert.deepEqual(Object.keys(outcome.seconds ?? {}), [
      'sources',
      'root',
      'srpm',
      'builddeps',
      'rpmbuild',
      'upload',
    ])
  },
)

test(
  'the native engine applies the build conditionals and macros of the task to the spec',
  { skip },
  async () => {
    const options = {
      with_opts: ['docs'],
      without_opts: ['tests'],
      macros: { copr_projectname: 'tools', odd: 'one\ntwo' },
    }
    const script =
      "echo '%{?with_docs:docs} %{?with_tests:tests} %{copr_projectname} %{?dist}'; echo '%{odd}'"
    const head = '%bcond_with docs\n%bcond_without tests'
    const task = await fixture.task(specOf({ head, check: script }), options)
    const { context, outcome } = await build(task)
    assert.equal(outcome.outcome, 'succeeded', context.text())
    assert.match(context.text(), /^docs {2}tools/m)
    assert.match(context.text(), /^one\ntwo$/m)

    const archive = context.uploads.get('configs.tar.gz') ?? ''
    const listed = await runOrThrow('tar', ['-tzf', archive])
    const names = ['configs/', 'configs/child.cfg', `configs/${task.chroot.name}.cfg`]
    assert.deepEqual(listed.trim().split('\n'), names)
    const child = await runOrThrow('tar', ['-xzOf', archive, 'configs/child.cfg'])
    assert.match(child, /^# .*: mock --root child.cfg --with docs --without tests --rebuild SRPM$/m)
    assert.match(child, /^config_opts\['macros'\]\['%copr_projectname'\] = "tools"$/m)
    const base = await runOrThrow('tar', ['-xzOf', archive, names[2] ?? ''])
    assert.match(base, /^config_opts\['target_arch'\] = "x86_64"$/m)
    assert.doesNotMatch(base, /copr_projectname/)
  },
)

test('the log says that settings which only mock supports have no effect', { skip }, async () => {
  const options = { bootstrap: 'custom_image', bootstrap_image: 'f:43', isolation: 'nspawn' }
  const { context, outcome } = await build(await fixture.task(specOf(), options))
  assert.equal(outcome.outcome, 'succeeded', context.text())
  assert.match(context.text(), /^bootstrap=custom_image \(f:43\) has no effect: /m)
  assert.match(context.text(), /^isolation=nspawn has no effect: /m)
  const plain = await build(
    await fixture.task(specOf(), { bootstrap: 'off', isolation: 'default' }),
  )
  assert.doesNotMatch(plain.context.text(), /has no effect/)
})

test('a failing %check fails the build and is named as the reason', { skip }, async () => {
  const { context, outcome } = await build(
    await fixture.task(specOf({ check: 'echo broken; false' })),
  )
  assert.equal(outcome.outcome, 'failed')
  assert.match(reasonOf(outcome), /^rpmbuild exited with code 1: %check failed$/)
  assert.match(context.text(), /Build failed: rpmbuild exited with code 1: %check failed\n$/)
  assert.ok(outcome.outcome === 'failed' && outcome.failure?.line)
  const { category, section, log, line } = outcome.failure
  assert.deepEqual([category, section, log], ['test', '%check', 'builder-live.log'])
  assert.equal(context.text().split('\n')[line - 1], '+ false')
  assert.ok(context.uploads.has('build.log.gz') && context.uploads.has('probe.spec'))
})

test('sources without a spec, or with two, are refused', { skip }, async () => {
  const { outcome } = await build(
    await fixture.task(specOf(), { files: { 'other.spec': 'Name: other\n' } }),
  )
  assert.equal(
    reasonOf(outcome),
    'the sources contain more than one spec file: other.spec, probe.spec',
  )
})

test(
  'the native engine accepts sources with any name that dist-git accepts',
  { skip },
  async () => {
    const names = ['.clang-format', '.env', '.gitattributes', '.gitignore', 'README.md', 'old.spec']
    const head = names.map((name, i) => `Source${i}: ${name}`).join('\n')
    const files = {
      '.clang-format': 'one\n',
      '.gitattributes': '* text eol=crlf\n',
      '.gitignore': '*.o\n',
      'README.md': 'two\n',
    }
    const lookaside = { '.env': Buffer.from('three\n'), 'old.spec': Buffer.from('Name: old\n') }
    // The total size would be larger if a line ending had been changed.
    const paths = names.map((_, i) => `%{SOURCE${i}}`).join(' ')
    const check = `test "$(cat ${paths} | wc -c)" = ${sizeOf(files) + sizeOf(lookaside)}`
    const task = await fixture.task(specOf({ head, check }), { files, lookaside })
    const { context, outcome } = await build(task)
    assert.equal(outcome.outcome, 'succeeded', context.text())
    const srpm = context.uploads.get('probe-1.0-1.src.rpm') ?? ''
    const listed = (await runOrThrow('rpm', ['-qpl', '--nosignature', srpm])).trim().split('\n')
    assert.deepEqual(listed.toSorted(), [...names, 'probe.spec'].toSorted())
  },
)

for (const [title, sections] of [
  ['once', '%build'],
  ['with generated BuildRequires', '%generate_buildrequires\necho zlib-devel\n%build'],
] as const)
  test(`builds a spec without its NoSource files, ${title}`, { skip }, async () => {
    const head =
      'Source0: have.txt\nSource1: not here.bin\nPatch2: not.patch\nNoSource: 1\nNoPatch: 2\nBuildRequires: make'
    const check = 'test ! -e "%{SOURCE1}"; test ! -e %{PATCH2}; test -e %{SOURCE0}; make --version'
    const spec = specOf({ head, check }).replace('%build', sections)
    const { context, outcome } = await build(
      await fixture.task(spec, { files: { 'have.txt': 'have\n' } }),
    )
    assert.equal(outcome.outcome, 'succeeded', context.text())
    const rpms = [...context.uploads.keys()].filter((name) => name.endsWith('.rpm'))
    assert.deepEqual(rpms.toSorted(), ['probe-1.0-1.noarch.rpm', 'probe-1.0-1.nosrc.rpm'])
    const query = ['-qp', '--nosignature', '--qf', '%{SOURCERPM}\\n[%{REQUIRENAME}\\n]']
    const named = context.uploads.get('probe-1.0-1.noarch.rpm') ?? ''
    assert.match(await runOrThrow('rpm', [...query, named]), /^probe-1\.0-1\.nosrc\.rpm$/m)
    const srpm = context.uploads.get('probe-1.0-1.nosrc.rpm') ?? ''
    assert.match(await runOrThrow('rpm', [...query, srpm]), /^make$/m)
    assert.match(
      await runOrThrow('rpm', ['-qp', '--nosignature', '--qf', '[%{FILENAMES}\\n]', srpm]),
      /^have.txt\n(.*\n)*probe.spec$/m,
    )
  })

test('a missing source fails the build unless a NoSource tag excludes it', { skip }, async () => {
  const head = 'Source0: a.txt\nSource1: b.txt\nNoSource: 1'
  const { outcome } = await build(await fixture.task(specOf({ head })))
  assert.equal(reasonOf(outcome), 'cannot create the SRPM: its sources lack a.txt')
})

test('a source missing from the lookaside cache fails the build', { skip }, async () => {
  const { outcome } = await build(
    await fixture.task(specOf(), { files: { sources: `${'0'.repeat(32)}  gone.tar.gz\n` } }),
  )
  assert.match(reasonOf(outcome), /The server responded with 404 Not Found for .*gone\.tar\.gz/)
})

function sizeOf(files: Record<string, string | Buffer>): number {
  return Object.values(files).reduce((sum, content) => sum + Buffer.byteLength(content), 0)
}

async function uploaded(context: RecordedContext, name: string): Promise<string> {
  const bytes = await readFile(context.uploads.get(name) ?? assert.fail(`${name} was not uploaded`))
  return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

test(
  'the native engine refuses packages whose scriptlets call undefined macros',
  { skip },
  async () => {
    const spec = `${specOf()}\n%post\n%own_macro_nobody_defined x.service\n`
    const { context, outcome } = await build(await fixture.task(spec))
    assert.equal(
      reasonOf(outcome),
      '%post of probe-1.0-1.noarch calls the macro %own_macro_nobody_defined, which is not defined: add the BuildRequires that defines it',
      context.text(),
    )
  },
)

test(
  'a chain build with missing requirements reports them together with the names that its spec provides',
  { skip },
  async () => {
    const head = `BuildRequires: chain-lens-devel >= 2, make
BuildRequires: /usr/bin/chain-lens, perl(Chain::Lens)
Provides: virtual(probe) = 3
%package -n probe-devel
Summary: More
%description -n probe-devel
More.
%files -n probe-devel`
    const options = { in_chain: true, with_opts: ['lens'] }
    const { context, outcome } = await build(await fixture.task(specOf({ head }), options))
    assert.ok(outcome.outcome === 'failed', context.text())
    const unmet = ['/usr/bin/chain-lens', 'chain-lens-devel >= 2', 'perl(Chain::Lens)']
    assert.deepEqual(outcome.unmet?.toSorted(), unmet)
    assert.deepEqual(outcome.declares?.toSorted(), [
      'probe = 1.0-1',
      'probe-devel = 1.0-1',
      'virtual(probe) = 3',
    ])
    const single = await build(await fixture.task(specOf({ head })))
    assert.ok(single.outcome.outcome === 'failed')
    assert.equal(single.outcome.declares, undefined)
  },
)

test(
  'missing requirements that only %generate_buildrequires prints are reported',
  { skip },
  async () => {
    const prep = `%generate_buildrequires
echo 'chain-generated >= 1'`
    const task = await fixture.task(specOf({ prep }), { in_chain: true })
    const { context, outcome } = await build(task)
    assert.ok(outcome.outcome === 'failed', context.text())
    assert.deepEqual(outcome.unmet, ['chain-generated >= 1'])
  },
)
