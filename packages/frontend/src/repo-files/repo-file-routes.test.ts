import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

const REPO = '/coprs/dana/telescope/repo'

test('a .repo file is what dnf wants to see', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { module_hotfixes: true, repo_priority: 7 })
  const response = await t.ask(`${REPO}/fedora-43/dnf.repo?arch=x86_64`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; charset=utf-8$/i)
  assert.equal(response.headers.get('content-disposition'), 'filename=dana-telescope.repo')
  assert.equal(
    await response.text(),
    `[copr:copr.example.org:dana:telescope]
name=Copr repo for telescope owned by dana
baseurl=http://copr.example.org:5000/results/dana/telescope/fedora-$releasever-$basearch/
type=rpm-md
skip_if_unavailable=True
gpgcheck=1
gpgkey=http://copr.example.org:5000/results/dana/telescope/pubkey.gpg
repo_gpgcheck=1
enabled=1
enabled_metadata=1
module_hotfixes=1
priority=7
`,
  )
})

test('a .repo file has multilib and dependencies as further parts', async () => {
  await using t = await openTestFrontend()
  await t.get('/api_3/project/add/dana', {
    as: 'dana',
    json: { name: 'libs', chroots: ['debian-12-x86_64'] },
  })
  const chroots = ['fedora-43-x86_64', 'fedora-43-i386']
  const runtime_dependencies = ['copr://dana/libs', 'https://deps.example.org/$chroot/?priority=3']
  await addTelescope(t, { chroots, multilib: true, runtime_dependencies })
  const text = await (await t.ask(`${REPO}/fedora-43/dnf.repo?arch=x86_64`)).text()
  assert.deepEqual(text.match(/^\[.*\]$/gm), [
    '[copr:copr.example.org:dana:telescope]',
    '[copr:copr.example.org:dana:telescope:ml]',
    '[coprdep:copr.example.org:dana:libs]',
    '[coprdep:https_deps_example_org_chroot_priority_3]',
  ])
  assert.match(text, /fedora-\$releasever-i386\/\n[^[]*repo_gpgcheck=1\ncost=1100\nenabled=1/)
  assert.match(
    text,
    /baseurl=https:\/\/deps\.example\.org\/fedora-43-x86_64\/\n[^[]*gpgcheck=0\nrepo_gpgcheck=0/,
  )
  assert.ok(!(await (await t.ask(`${REPO}/fedora-43/`)).text()).includes(':ml]'))
})

test('a .repo file is found by whole names, with any file name and a literal version elsewhere', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  for (const path of [
    'debian-12',
    'debian-12/',
    'debian-12/dana-telescope-debian-12.repo',
    'debian-12/dnf.repo?arch=x86_64',
  ])
    assert.match(
      await (await t.ask(`${REPO}/${path}`)).text(),
      /^\[copr:[^]*\/debian-12-\$basearch\//,
    )
})

test('a .repo file that does not exist says what there is instead', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  for (const path of [
    'fedora-4/dnf.repo',
    'fedora-43/dnf.repo?arch=s390x',
    'debian-12/dnf.repo?arch=i386',
  ]) {
    const response = await t.ask(`${REPO}/${path}`)
    assert.equal(response.status, 404)
    const data = JSON.parse(
      Buffer.from(response.headers.get('copr-error-data') ?? '', 'base64').toString(),
    )
    assert.deepEqual(data, { 'available chroots': ['debian-12-x86_64', 'fedora-43-x86_64'] })
  }
  for (const path of [
    '/coprs/dana/nope/repo/debian-12/dnf.repo',
    '/coprs/dana/telescope:pr:1/repo/debian-12/',
    '/coprs/@nobody/x/repo/debian-12/dnf.repo',
    '/coprs/g/nobody/x/repo/debian-12/',
  ]) {
    const response = await t.ask(path)
    assert.equal(response.status, 404)
    assert.equal(response.headers.get('copr-error-data'), null)
  }
})
