import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { runOrThrow } from '@copr/process/run'
import {
  build,
  fixture,
  probe,
  processesWith,
  reasonOf,
  skip,
  specOf,
  start,
  uniqueSeconds,
  useFixture,
} from '../src/testing/engine-suite.ts'
import { projectRepository } from '../src/testing/project-repository.ts'

useFixture()

test('the failure reason names missing BuildRequires', { skip }, async () => {
  const head = 'BuildRequires: make, libunobtainium-devel >= 3, zlib-devel > 99'
  const { outcome } = await build(await fixture.task(specOf({ head })))
  assert.deepEqual(
    [outcome.outcome, reasonOf(outcome)],
    [
      'failed',
      'Packages needed for the build are missing: nothing provides libunobtainium-devel >= 3, zlib-devel > 99',
    ],
  )
})

test('rich BuildRequires are installed', { skip }, async () => {
  const head = 'BuildRequires: (nosuchthing or popt-devel >= 1), (zlib-devel if make)'
  const check = 'ls /usr/include/zlib.h /usr/include/popt.h'
  const { context, outcome } = await build(await fixture.task(specOf({ head, check })))
  assert.equal(outcome.outcome, 'succeeded', context.text())
})

const MISSING = 'Packages needed for the build are missing: nothing provides'
const NO_SRPM = 'cannot create the SRPM: rpmbuild -bs exited with code 1'
for (const [requires, reason] of [
  ['(nosuch or nothing)', `${MISSING} (nosuch or nothing)`],
  ['(make and nosuch)', `${MISSING} (make and nosuch)`],
  ['(make with nosuch)', `${MISSING} (make with nosuch)`],
  ['((make or nosuch) and nothing)', `${MISSING} ((make or nosuch) and nothing)`],
  ['(nosuch if make)', 'Packages needed for the build cannot be installed: '],
  // rpm's message about this fault differs between its versions.
  ['(make or', `${NO_SRPM}: line 7: `],
  ['()', `${NO_SRPM}: line 7: `],
] as const)
  test(`BuildRequires: ${requires} fails the build once, with the reason`, { skip }, async () => {
    const task = await fixture.task(specOf({ head: `BuildRequires: ${requires}` }))
    const { context, outcome } = await build(task)
    assert.equal(outcome.outcome, 'failed', context.text())
    assert.ok(reasonOf(outcome).startsWith(reason), reasonOf(outcome))
    assert.deepEqual(context.unclean, [])
  })

test(
  'BuildRequires are treated as dependencies, not as patterns, and no helper package stays installed',
  { skip },
  async () => {
    const { repos, add } = await projectRepository('brackets')
    await add('extras', { head: 'Provides: python3dist(build[virtualenv]) = 1.0' })
    for (const version of ['', ' >= 0.9']) {
      const head = `BuildRequires: python3dist(build[virtualenv])${version}, /usr/share/extras/data`
      const check = 'cat /usr/share/extras/data\n! rpm -qa | grep ^requires-'
      const { context, outcome } = await build(
        await fixture.task(specOf({ head, check }), { repos }),
      )
      assert.equal(outcome.outcome, 'succeeded', context.text())
      const list = await readFile(context.uploads.get('installed_pkgs.log.gz') ?? '')
      assert.match(gunzipSync(list).toString(), /^extras-1.0-1.noarch /m)
      assert.doesNotMatch(gunzipSync(list).toString() + context.text(), /requires-[0-9a-f]{16}/)
    }
    const head = 'BuildRequires: extra*, extras.noarch, extras-1.0'
    const { outcome } = await build(await fixture.task(specOf({ head }), { repos }))
    assert.equal(
      reasonOf(outcome),
      'Packages needed for the build are missing: nothing provides extra*, extras-1.0, extras.noarch',
    )
  },
)

test(
  'additional packages are installed, and options among them are refused',
  { skip },
  async () => {
    const script = 'ls /usr/include/zlib.h'
    assert.deepEqual(await probe(script, { buildroot_packages: ['zlib-devel'] }), [
      '/usr/include/zlib.h',
    ])
    const { outcome } = await build(
      await fixture.task(specOf(), { buildroot_packages: ['--installroot=/'] }),
    )
    assert.match(reasonOf(outcome), /it is not a package or a dependency$/)
  },
)

test('BuildRequires added by macros of installed packages are installed', { skip }, async () => {
  const { repos, add } = await projectRepository('macros')
  const file = (name: string): string => `%{buildroot}/usr/lib/rpm/macros.d/macros.${name}`
  await add('first', {
    spec: `Name: first
Version: 1.0
Release: 1
Summary: Macros that add BuildRequires
License: MIT
BuildArch: noarch
%description
Macros.
%package -n second
Summary: Required by the macro of first
%description -n second
Macros.
%package -n third
Summary: Required by the macro of second
%description -n third
Data.
%install
mkdir -p %{buildroot}/usr/lib/rpm/macros.d
echo '%%first_requires BuildRequires: second' >${file('first')}
echo '%%second_requires BuildRequires: third > 0.5' >${file('second')}
%files
/usr/lib/rpm/macros.d/macros.first
%files -n second
/usr/lib/rpm/macros.d/macros.second
%files -n third
`,
  })
  const head = 'BuildRequires: first\n%{?first_requires}\n%{?second_requires}'
  const { context, outcome } = await build(await fixture.task(specOf({ head }), { repos }))
  assert.equal(outcome.outcome, 'succeeded', context.text())
  const list = await readFile(context.uploads.get('installed_pkgs.log.gz') ?? '')
  assert.match(gunzipSync(list).toString(), /^third-1.0-1.noarch /m)
  const srpm = context.uploads.get('probe-1.0-1.src.rpm') ?? ''
  assert.match(
    await runOrThrow('rpm', ['-qp', '--nosignature', '--requires', srpm]),
    /^first\n(rpmlib.*\n)*second\nthird > 0.5$/m,
  )

  // Additional packages are installed first, so the spec may need their macros.
  const additional = { repos, buildroot_packages: ['first', 'second'] }
  const needing = await build(
    await fixture.task(specOf({ head: '%first_requires\n%second_requires' }), additional),
  )
  assert.equal(needing.outcome.outcome, 'succeeded', needing.context.text())
})

test('a spec whose BuildRequires differ each time it is parsed is refused', { skip }, async () => {
  const head = 'BuildRequires: (make or never-%(date +%%s%%N))'
  const { outcome } = await build(await fixture.task(specOf({ head })))
  assert.match(
    reasonOf(outcome),
    /^the spec requires something else each time it is read: \(make or never-\d+\) was not known before the build$/,
  )
})

test(
  'generated BuildRequires are installed repeatedly until there are no new ones',
  { skip },
  async () => {
    const head =
      '%generate_buildrequires\necho zlib-devel\nif [ -e /usr/include/zlib.h ]; then echo "popt-devel >= 1"; fi'
    const spec = specOf({ check: 'ls /usr/include/zlib.h /usr/include/popt.h' }).replace(
      '%build',
      `${head}\n%build`,
    )
    const { context, outcome } = await build(await fixture.task(spec))
    assert.equal(outcome.outcome, 'succeeded', context.text())
    const srpm = context.uploads.get('probe-1.0-1.src.rpm') ?? ''
    assert.match(
      await runOrThrow('rpm', ['-qp', '--nosignature', '--requires', srpm]),
      /popt-devel >= 1/,
    )
  },
)

test('the failure reason names missing generated BuildRequires', { skip }, async () => {
  const spec = specOf().replace(
    '%build',
    '%generate_buildrequires\necho "python3dist(unobtainium)"\n%build',
  )
  const { outcome } = await build(await fixture.task(spec))
  assert.match(reasonOf(outcome), /nothing provides python3dist\(unobtainium\)/)
})

test(
  'packages added to the project repository are available to the next build',
  { skip },
  async () => {
    const { repos, add } = await projectRepository('repo')
    const user = await fixture.task(
      specOf({
        name: 'user',
        head: 'BuildRequires: brandnew',
        check: 'cat /usr/share/brandnew/data',
      }),
      { repos },
    )
    const first = await build(user)
    assert.match(reasonOf(first.outcome), /nothing provides brandnew$/)

    await add('brandnew')
    const second = await build(user)
    assert.equal(second.outcome.outcome, 'succeeded', second.context.text())

    // Adding an unrelated package does not prevent the use of the cached layer.
    await add('other')
    const third = await build(user)
    assert.match(third.context.text(), /Packages are in the cached layer/)
  },
)

test(
  'a missing user repository fails the build; a missing chroot repository is a builder fault',
  { skip },
  async () => {
    const gone = {
      id: 'gone',
      name: 'Gone',
      baseurl: 'file:///nonexistent',
      priority: null,
      module_hotfixes: null,
      gpgcheck: false,
      repo_gpgcheck: null,
      gpgkey: null,
      is_external: false,
    }
    const task = await fixture.task(specOf())
    const { outcome } = await build({ ...task, repos: [gone] })
    assert.match(reasonOf(outcome), /^Cannot read the repository Gone/)
    await assert.rejects(
      build({ ...task, chroot: { ...task.chroot, repos: [gone] } }),
      /Cannot read the repository Gone/,
    )
  },
)

test('a hanging scriptlet blocks only its own build', { skip }, async () => {
  const { repos, add } = await projectRepository('hanging')
  const seconds = uniqueSeconds()
  await add('quick')
  // The %post line ends the %check section and begins a scriptlet.
  await add('hanging', { check: `%post\nsleep ${seconds}` })
  const task = (name: string): ReturnType<typeof fixture.task> =>
    fixture.task(specOf({ head: `BuildRequires: ${name}` }), { repos })
  const stuck = start(await task('hanging'))
  while ((await processesWith(seconds)).length === 0) await sleep(20)
  const quick = await build(await task('quick'))
  assert.equal(quick.outcome.outcome, 'succeeded', quick.context.text())
  stuck.context.abort('canceled')
  assert.equal((await stuck.outcome).outcome, 'canceled')
})
