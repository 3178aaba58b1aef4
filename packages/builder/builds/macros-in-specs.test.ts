import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { readPackageInfo } from '@copr/rpm/package-info'
import { build, fixture, reasonOf, skip, useFixture } from '../src/testing/engine-suite.ts'
import { projectRepository } from '../src/testing/project-repository.ts'

useFixture()

/** Macros that a spec may take from a package. */
const MACROS = {
  told_version: '2.5',
  told_release: '7',
  told_requires: 'BuildRequires: told-helper',
  told_arches: 'x86_64 aarch64',
  told_extra: '1',
}
const MACROS_PACKAGE = `Name: told-macros
Version: 1.0
Release: 1
Summary: Macros that specs are made of
License: MIT
BuildArch: noarch
%description
Macros.
%package -n told-helper
Summary: Required by a macro
%description -n told-helper
Data.
%install
mkdir -p %{buildroot}/usr/lib/rpm/macros.d %{buildroot}/usr/share
touch %{buildroot}/usr/share/told-helper
${Object.entries(MACROS)
  .map(
    ([name, value]) => `echo '%%${name} ${value}' >>%{buildroot}/usr/lib/rpm/macros.d/macros.told`,
  )
  .join('\n')}
%files
/usr/lib/rpm/macros.d/macros.told
%files -n told-helper
/usr/share/told-helper
`

/** Returns a spec whose version, release, BuildRequires, architectures and packages come from the macros. */
function toldSpec({ head = '', sections = '' }: { head?: string; sections?: string }): string {
  return `Name: told
Version: %{?told_version}%{!?told_version:0}
Release: %{?told_release}%{!?told_release:0}
Summary: Made of macros
License: MIT
%{?told_requires}
${head}
%description
Macros.
%if 0%{?told_extra}
%package extra
Summary: Made if a macro says so
%description extra
Macros.
%files extra
%endif
${sections}
%build
ls /usr/share/told-helper
%files
`
}

const ARCHES = 'ExclusiveArch: %{told_arches}'
const GENERATED = '%generate_buildrequires\necho told-macros\n'

let repository: ReturnType<typeof makeRepository> | undefined
async function makeRepository() {
  const { repos, add } = await projectRepository('told')
  await add('told-macros', { spec: MACROS_PACKAGE })
  return repos
}

const ORIGINS: Record<string, (repos: RpmTask['repos']) => Promise<RpmTask>> = {
  'the base root': async (repos) => {
    const task = await fixture.task(toldSpec({ head: ARCHES }), { repos })
    const [own] = repos
    assert.ok(own)
    const chroot = {
      ...task.chroot,
      install: [...task.chroot.install, 'told-macros'],
      repos: [...task.chroot.repos, own],
    }
    return { ...task, chroot }
  },
  'additional packages': (repos) =>
    fixture.task(toldSpec({ head: ARCHES }), { repos, buildroot_packages: ['told-macros'] }),
  BuildRequires: (repos) =>
    fixture.task(toldSpec({ head: `BuildRequires: told-macros\n${ARCHES}` }), { repos }),
  'generated BuildRequires': (repos) => fixture.task(toldSpec({ sections: GENERATED }), { repos }),
}

for (const [origin, taskOf] of Object.entries(ORIGINS))
  test(`a spec takes its version and packages from macros of ${origin}`, { skip }, async () => {
    const task = await taskOf(await (repository ??= makeRepository()))
    const { context, outcome } = await build(task)
    assert.equal(outcome.outcome, 'succeeded', context.text())
    const packages = await Promise.all(
      [...context.uploads]
        .filter(([name]) => name.endsWith('.rpm'))
        .map(([, path]) => readPackageInfo(path)),
    )
    const [source] = packages.filter(({ arch }) => arch === 'src')
    assert.deepEqual(packages.map(({ name }) => name).toSorted(), ['told', 'told', 'told-extra'])
    for (const { version, release } of packages) assert.deepEqual([version, release], ['2.5', '7'])
    assert.ok(source?.requires.some(({ name }) => name === 'told-helper'))
  })

test('rpmbuild refuses a spec that excludes the architecture with a macro', { skip }, async () => {
  const head = 'BuildRequires: told-macros\nExcludeArch: %{told_arches}'
  const repos = await (repository ??= makeRepository())
  const { outcome } = await build(await fixture.task(toldSpec({ head }), { repos }))
  assert.match(reasonOf(outcome), /Architecture is excluded: x86_64/)
})

test('%generate_buildrequires inside a description generates nothing', { skip }, async () => {
  const sections =
    '%package -n text\nSummary: Text\n%description -n text\nThis is no %%generate_buildrequires.'
  const repos = await (repository ??= makeRepository())
  const { context, outcome } = await build(
    await fixture.task(toldSpec({ head: 'BuildRequires: told-macros', sections }), { repos }),
  )
  assert.equal(outcome.outcome, 'succeeded', context.text())
  assert.doesNotMatch(context.text(), /generating BuildRequires/i)
})

test('BuildRequires that contain brackets are names, not patterns', { skip }, async () => {
  const { repos, add } = await projectRepository('brackets')
  await add('bracketed', { head: 'Provides: bracketed(extra[all]) = 2.0' })
  await add('bracketeda')
  for (const requires of ['bracketed(extra[all])', 'bracketed(extra[all]) >= 1.5']) {
    const { context, outcome } = await build(
      await fixture.task(
        toldSpec({ head: `BuildRequires: ${requires}` }).replace(
          'ls /usr/share/told-helper',
          'ls /usr/share/bracketed',
        ),
        { repos },
      ),
    )
    assert.equal(outcome.outcome, 'succeeded', context.text())
  }
  for (const pattern of ['bracketed[a]', 'bracketed*', 'bracketed-1.0-1.noarch']) {
    const { outcome } = await build(
      await fixture.task(toldSpec({ head: `BuildRequires: ${pattern}` }), { repos }),
    )
    assert.equal(
      reasonOf(outcome),
      `Packages needed for the build are missing: nothing provides ${pattern}`,
    )
  }
})
