import assert from 'node:assert/strict'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runOrThrow } from '@copr/process/run'
import { debianSourceOf, familyOf, upstreamVersion } from './specs/debian-names.ts'
import { drawSpecs } from './specs/draw.ts'
import { parseJudgments, withJudgment } from './specs/judgments.ts'
import {
  guessSourceName,
  literalVersion,
  plainBuildRequires,
  sourceTags,
  withVersion,
} from './specs/spec-text.ts'
import { renderRow, renderSummary } from './specs/table.ts'
import { withTopFolder } from './specs/tarball.ts'
import { judge } from './specs/verdict.ts'

for (const [spec, want] of [
  ['nload', 'nload'],
  ['perl-Data-Float', 'libdata-float-perl'],
  ['python-zope.event', 'python-zope-event'],
  ['python-pyserial', 'pyserial'],
  ['rubygem-guard_compat', 'ruby-guard-compat'],
  ['FAudio', 'faudio'],
] as const)
  test(`debianSourceOf() finds ${want} for ${spec}`, () => {
    const versions = new Map([[want, '1:1.0+dfsg-3']])
    assert.deepEqual(debianSourceOf(spec, versions), { name: want, version: '1.0' })
  })

test('debianSourceOf() returns undefined if Debian has no matching source package', () => {
  assert.equal(debianSourceOf('perl-Own', new Map([['own', '1.0-1']])), undefined)
})

for (const [debian, want] of [
  ['1.2.3-4', '1.2.3'],
  ['2:0.9.1+dfsg1-2+deb12u1', '0.9.1'],
  ['1.0~rc1-1', '1.0~rc1'],
  ['1-2-3', '1-2'],
  ['3.0~ds.1-1', '3.0'],
] as const)
  test(`upstreamVersion() of ${debian} is ${want}`, () =>
    assert.equal(upstreamVersion(debian), want))

test('familyOf() returns a language only for modules of that language', () => {
  assert.deepEqual(['perl-Own', 'perl', 'perlbrew', 'R-own', 'Rivet'].map(familyOf), [
    'perl',
    'other',
    'other',
    'R',
    'other',
  ])
})

const SPEC = 'Name: own\nVersion:  1.0\nSource0: https://own.example/own-%{version}.tar.gz\n'

test('literalVersion() ignores versions with macros, but withVersion() replaces any version', () => {
  assert.equal(literalVersion(SPEC), '1.0')
  const computed = SPEC.replace('1.0', '%{major}.1')
  assert.equal(literalVersion(computed), undefined)
  assert.equal(literalVersion(withVersion(computed, '2.1')), '2.1')
})

test('sourceTags() lists the sources and patches of a spec', () => {
  assert.deepEqual(sourceTags(`${SPEC}Patch12 : own.patch\n#Source1: old.tar.gz\n`), [
    'https://own.example/own-%{version}.tar.gz',
    'own.patch',
  ])
})

for (const [source, want] of [
  ['https://own.example/%{name}/%{name}-%{version}.tar.gz', 'own-1.0.tar.gz'],
  ['https://own.example/%{commit}/v1#/%name-%{?major}.tgz', 'own-1.tgz'],
  ['%{pypi_source}', 'Own-1.0.tar.gz'],
  ['%{pypi_source other}', 'other-1.0.tar.gz'],
  ['%{url}/own-%{unknown}.tar.gz', undefined],
] as const)
  test(`guessSourceName() takes ${want ?? 'nothing'} from ${source}`, () => {
    const spec = `%global srcname Own\n%define major 1\n${SPEC.replace(/Source0: .*/, `Source0: ${source}`)}`
    assert.equal(guessSourceName(spec), want)
  })

test('plainBuildRequires() omits requirements that depend on macros or conditions', () => {
  const lines = [
    'BuildRequires: gcc, make >= 4.0 perl(Own::Module) >= 1',
    'BuildRequires:  pkgconfig(own)',
    'BuildRequires: %{py3_dist own}',
    'BuildRequires: (own or other)',
    'BuildRequires: /usr/bin/own',
    '%if 0%{?rhel}',
    'BuildRequires: rhel-only',
    '%endif',
    'BuildRequires: gcc',
  ]
  const names = ['gcc', 'make', 'perl(Own::Module)', 'pkgconfig(own)']
  assert.deepEqual(plainBuildRequires(lines.join('\n')), names)
})

test('drawSpecs() selects specs with one source and a version that Debian has, in an order determined by the seed', () => {
  const names = Array.from({ length: 20 }, (_, index) => `own${index}`)
  const specs = new Map([
    ...names.map((name): [string, string] => [name, SPEC]),
    ['older', SPEC.replace('1.0', '0.9')],
    ['patched', `${SPEC}Patch0: own.patch\n`],
    ['unknown', SPEC],
  ])
  const versions = new Map([...names, 'older', 'patched'].map((name) => [name, '1.0-1']))
  const first = drawSpecs(specs, versions, 'a').get('other')
  assert.deepEqual(first?.toSorted(), names.toSorted())
  assert.deepEqual(drawSpecs(specs, versions, 'a').get('other'), first)
  assert.notDeepEqual(drawSpecs(specs, versions, 'b').get('other'), first)
})

const FAILED = { failure: 'rpmbuild exited with code 1', isEngineFault: false, log: '', hasOtherVersion: false } // prettier-ignore

for (const [title, outcome, want] of [
  ['a success', { ...FAILED, failure: undefined }, { verdict: 'built', reason: '' }],
  [
    'a package that was built with a macro as its release',
    {
      ...FAILED,
      failure: undefined,
      log: 'warning: line 5: Possible unexpanded macro in: Release: %own\n',
    },
    { verdict: 'ours', reason: 'warning: line 5: Possible unexpanded macro in: Release: %own' },
  ],
  [
    'a package that no repository has',
    {
      ...FAILED,
      failure: 'Packages needed for the build are missing: nothing provides gtk4-devel, foo >= 2',
    },
    { verdict: 'missing', reason: 'gtk4-devel, foo >= 2' },
  ],
  [
    'a source that only dist-git has',
    { ...FAILED, failure: 'cannot create the SRPM: its sources lack own.patch' },
    { verdict: 'spec', reason: 'cannot create the SRPM: its sources lack own.patch' },
  ],
  [
    'a macro that nobody defined, even in a spec of another version',
    {
      ...FAILED,
      hasOtherVersion: true,
      log: 'x\n/var/tmp/rpm-tmp.a: line 3: fg: no job control\n',
    },
    { verdict: 'ours', reason: '/var/tmp/rpm-tmp.a: line 3: fg: no job control' },
  ],
  [
    'a patch for other sources',
    {
      ...FAILED,
      log: 'patching file a.c\n1 out of 2 hunks FAILED -- saving rejects to file a.c.rej\n',
    },
    { verdict: 'spec', reason: '1 out of 2 hunks FAILED -- saving rejects to file a.c.rej' },
  ],
  [
    'a tarball without the generated configure',
    { ...FAILED, log: '/var/tmp/rpm-tmp.a: line 44: ../configure: No such file or directory\n' },
    {
      verdict: 'spec',
      reason: '/var/tmp/rpm-tmp.a: line 44: ../configure: No such file or directory',
    },
  ],
  [
    'files of another version',
    { ...FAILED, hasOtherVersion: true, log: 'error: File not found: /usr/lib/own.so.2\n' },
    {
      verdict: 'spec',
      reason:
        'written for another version: rpmbuild exited with code 1: error: File not found: /usr/lib/own.so.2',
    },
  ],
  [
    'a failure that the log does not explain',
    { ...FAILED, log: 'not ok 3\n' },
    { verdict: 'ours', reason: 'not explained: rpmbuild exited with code 1' },
  ],
  [
    'a fault of the engine',
    { ...FAILED, isEngineFault: true, failure: 'ENOENT' },
    { verdict: 'ours', reason: 'the engine failed: ENOENT' },
  ],
] as const)
  // prettier-ignore
  test(`judge() explains ${title}`, () => assert.deepEqual(judge(outcome), want))

const RESULT = { name: 'own', version: '1.0', seconds: 7 }

test('a judgment replaces only the result of a failure without an explanation', () => {
  const judgments = parseJudgments('# comment\nown spec its tests need a network\n')
  const unexplained = {
    ...RESULT,
    verdict: 'ours',
    reason: 'not explained: %check failed',
  } as const
  assert.deepEqual(withJudgment(unexplained, judgments), {
    ...RESULT,
    verdict: 'spec',
    reason: 'judged: its tests need a network',
  })
  const macro = { ...RESULT, verdict: 'ours', reason: 'fg: no job control' } as const
  assert.equal(withJudgment(macro, judgments), macro)
  assert.throws(() => parseJudgments('own built because\n'), /expected "NAME spec\|missing\|ours/)
})

test('the success rate in the summary excludes specs whose required packages are missing', () => {
  const results = (['built', 'built', 'missing', 'spec', 'ours'] as const).map((verdict) => ({
    ...RESULT,
    verdict,
    reason: '',
  }))
  assert.match(renderSummary(results), /2 of the 4 specs whose packages exist were built: 50\.0 %/)
  assert.match(
    renderRow({ ...RESULT, verdict: 'missing', reason: 'a\nb' }),
    /^own .* package missing +7 s {2}a b$/,
  )
})

test('withTopFolder() renames the top folder of a tarball, or adds one', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'copr-specs-'))
  t.after(() => rm(dir, { recursive: true }))
  await mkdir(join(dir, 'Own-master'))
  await writeFile(join(dir, 'Own-master', 'README'), 'read me')
  await writeFile(join(dir, 'LICENSE'), 'MIT')
  for (const entries of [['Own-master'], ['Own-master', 'LICENSE']]) {
    const tarball = join(dir, 'own.orig.tar')
    await runOrThrow('tar', ['-cf', tarball, '-C', dir, ...entries])
    const renamed = join(dir, 'own.tar.gz')
    await writeFile(renamed, await withTopFolder(tarball, 'own-1.0', dir))
    const listed = await runOrThrow('tar', ['-tzf', renamed])
    const tops = listed
      .trim()
      .split('\n')
      .map((path) => path.split('/', 1)[0])
    assert.deepEqual([...new Set(tops)], ['own-1.0'])
    assert.match(listed, /README/)
  }
})
