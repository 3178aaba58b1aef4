import {
  ChrootBuildConfigAnswer,
  MockChrootsAnswer,
  ProjectChrootAnswer,
} from '@copr/contract/api/chroots'
import { RpmrepoAnswer } from '@copr/contract/api/rpmrepo'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

const RESULTS = 'http://copr.example.org:5000/results'

test('mock-chroots/list returns a map from chroot names to comments', async () => {
  await using t = await openTestFrontend()
  const chroots = MockChrootsAnswer.parse(await t.get('/api_3/mock-chroots/list/'))
  assert.deepEqual(chroots, {
    'debian-12-x86_64': 'The mini distribution',
    'fedora-43-x86_64': '',
    'fedora-43-i386': '',
  })
})

test('project-chroot returns the settings of a chroot, or 404 if it does not exist', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const path = '/api_3/project-chroot?ownername=dana&projectname=telescope&chrootname='
  const chroot = ProjectChrootAnswer.parse(await t.get(`${path}debian-12-x86_64`))
  assert.equal(chroot.isolation, 'unchanged')
  for (const missing of ['fedora-43-i386', 'nope', 'a-b-c'])
    assert.equal((await t.ask(path + missing)).status, 404)
})

test('project-chroot/build-config lists the settings that builds use', async () => {
  await using t = await openTestFrontend()
  await t.get('/api_3/project/add/dana', {
    as: 'dana',
    json: { name: 'libs', chroots: ['debian-12-x86_64'], module_hotfixes: true },
  })
  await addTelescope(t, {
    additional_repos: [
      'copr://dana/libs',
      'https://deps.example.org/$distname/$chroot/?priority=20',
    ],
    repo_priority: 99,
  })
  const path =
    '/api_3/project-chroot/build-config?ownername=dana&projectname=telescope&chrootname=fedora-43-x86_64'
  const config = ChrootBuildConfigAnswer.parse(await t.get(path))
  assert.deepEqual(config.additional_repos, [
    'copr://dana/telescope',
    'copr://dana/libs',
    'https://deps.example.org/$distname/$chroot/?priority=20',
  ])
  assert.deepEqual(config.repos, [
    {
      id: 'copr_base',
      name: 'Copr repository',
      baseurl: `${RESULTS}/dana/telescope/fedora-43-x86_64/`,
      priority: null,
      module_hotfixes: null,
      repo_gpgcheck: false,
    },
    {
      id: 'copr_dana_libs',
      name: 'Additional repo copr_dana_libs',
      baseurl: `${RESULTS}/dana/libs/fedora-43-x86_64/`,
      priority: null,
      module_hotfixes: true,
      repo_gpgcheck: false,
    },
    {
      id: 'https_deps_example_org_distname_chroot_priority_20',
      name: 'Additional repo https_deps_example_org_distname_chroot_priority_20',
      baseurl: 'https://deps.example.org/fedora/fedora-43-x86_64/',
      priority: 20,
      module_hotfixes: null,
      repo_gpgcheck: null,
    },
  ])
})

test('rpmrepo returns the same data for every directory and release of a project', async () => {
  await using t = await openTestFrontend()
  await t.get('/api_3/project/add/dana', {
    as: 'dana',
    json: { name: 'libs', chroots: ['debian-12-x86_64'] },
  })
  await addTelescope(t, {
    chroots: ['fedora-43-x86_64', 'fedora-43-i386'],
    multilib: true,
    repo_priority: 7,
    runtime_dependencies: ['copr://dana/libs', 'https://deps.example.org/$chroot/'],
  })
  const answer = RpmrepoAnswer.parse(await t.get('/api_3/rpmrepo/dana/telescope/fedora-43/'))
  assert.equal(answer.results_url, RESULTS)
  const arches = answer.repos['fedora-43']?.arch
  assert.deepEqual(arches?.['x86_64']?.multilib, { i386: { opts: { cost: '1100', priority: 7 } } })
  assert.deepEqual(arches?.['i386'], { opts: { priority: 7 } })
  assert.deepEqual(answer.directories, { telescope: {} })
  assert.deepEqual(
    answer.dependencies.map(({ opts }) => opts.id),
    ['coprdep:copr.example.org:dana:libs', 'coprdep:https_deps_example_org_chroot'],
  )
  assert.deepEqual(await t.get('/api_3/rpmrepo/dana/telescope%3Apr%3A7/anything-1'), answer)
  assert.deepEqual(await t.get('/api_3/rpmrepo/dana/telescope:pr:7/anything-1'), answer)
  assert.equal((await t.ask('/api_3/rpmrepo/@nobody/telescope/fedora-43')).status, 404)
})
