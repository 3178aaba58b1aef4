import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import {
  build,
  fixture,
  probe,
  reasonOf,
  skip,
  specOf,
  useFixture,
} from './testing/engine-suite.ts'

useFixture()

test('BuildRequires that nobody provides are named', { skip }, async () => {
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
  const bad = await build(
    await fixture.task(specOf({ head: 'BuildRequires: (nosuch or nothing)' })),
  )
  assert.match(reasonOf(bad.outcome), /nothing provides \(nosuch or nothing\)/)
})

test('additional packages are installed, options among them are refused', { skip }, async () => {
  const script = 'ls /usr/include/zlib.h'
  assert.deepEqual(await probe(script, { buildroot_packages: ['zlib-devel'] }), [
    '/usr/include/zlib.h',
  ])
  const { outcome } = await build(
    await fixture.task(specOf(), { buildroot_packages: ['--installroot=/'] }),
  )
  assert.match(reasonOf(outcome), /it is not a package or a dependency$/)
})

test('generated BuildRequires are installed until there are no new ones', { skip }, async () => {
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
})

test('generated BuildRequires that nobody provides are named', { skip }, async () => {
  const spec = specOf().replace(
    '%build',
    '%generate_buildrequires\necho "python3dist(unobtainium)"\n%build',
  )
  const { outcome } = await build(await fixture.task(spec))
  assert.match(reasonOf(outcome), /nothing provides python3dist\(unobtainium\)/)
})

test('what comes into the project repository is used by the next build', { skip }, async () => {
  const repo = join(fixture.dir, 'repo')
  await mkdir(repo)
  await runOrThrow('createrepo_c', ['--no-database', repo])
  const repos = [
    {
      id: 'copr_base',
      name: 'Project',
      baseurl: pathToFileURL(repo).href,
      priority: null,
      module_hotfixes: null,
      gpgcheck: false,
      repo_gpgcheck: null,
      gpgkey: null,
    },
  ]
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

  const made = await build(await fixture.task(specOf({ name: 'brandnew' })))
  await writeFile(
    join(repo, 'brandnew-1.0-1.noarch.rpm'),
    await readFile(made.context.uploads.get('brandnew-1.0-1.noarch.rpm') ?? ''),
  )
  await runOrThrow('createrepo_c', ['--no-database', repo])
  const second = await build(user)
  assert.equal(second.outcome.outcome, 'succeeded', second.context.text())

  // something else comes in: what was installed before serves again
  const other = await build(await fixture.task(specOf({ name: 'other' })))
  await writeFile(
    join(repo, 'other-1.0-1.noarch.rpm'),
    await readFile(other.context.uploads.get('other-1.0-1.noarch.rpm') ?? ''),
  )
  await runOrThrow('createrepo_c', ['--no-database', repo])
  const third = await build(user)
  assert.match(third.context.text(), /Packages are in the cached layer/)
})

test(
  'a repository of the user that is not there fails the build, one of the chroot is a fault of the builder',
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
