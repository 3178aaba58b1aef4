import { setAlias } from '@copr/domain/chroots/chroot-aliases'
import { endChroot, pauseChroot } from '@copr/domain/retention/chroot-life-cycle'
import { COMMAND } from '@copr/domain/audit/actor'
import { RpmrepoAnswer } from '@copr/contract/api/rpmrepo'
import { run } from '@copr/process/run'
import { missingTools } from '@copr/rpm/testing/real-rpm'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireProject } from '../api/find-or-404.ts'
import { addTelescope, NOW, openTestFrontend } from '../testing/test-frontend.ts'

const REPO = '/coprs/dana/telescope/repo'

test('a .repo file has the format that dnf expects', async () => {
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

test('the .repo file of a directory with non-ASCII letters in its name has an ID that dnf accepts', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id: project_id } = await requireProject(t.db, 'dana', 'telescope')
  const name = 'telescope:custom:линза-1'
  await t.db.insertInto('project_dir').values({ project_id, name, created_at: NOW }).execute()
  const response = await t.ask(`/coprs/dana/${encodeURIComponent(name)}/repo/fedora-43/x.repo`)
  assert.equal(response.status, 200)
  assert.equal(
    response.headers.get('content-disposition'),
    `attachment; filename*=UTF-8''${encodeURIComponent(`dana-${name}.repo`)}`,
  )
  const text = await response.text()
  assert.match(text, /^\[copr:copr\.example\.org:dana:telescope:custom:_{5}-1\]$/m)
  assert.match(text, /^baseurl=.*\/dana\/telescope:custom:линза-1\//m)
})

test('a .repo file has additional sections for multilib and for dependencies', async () => {
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

test('a .repo file can be requested with the full release name, and under any file name', async () => {
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

test('the 404 for a .repo file lists the available chroots', async () => {
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

test('a chroot at its end of life is offered until its data is deleted; a paused chroot is not', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const status = async (): Promise<number> =>
    (await t.ask(`${REPO}/fedora-43/dnf.repo?arch=x86_64`)).status
  const released = async (): Promise<unknown> =>
    RpmrepoAnswer.parse(await t.get('/api_3/rpmrepo/dana/telescope/fedora-43/')).repos['fedora-43']
  assert.deepEqual(await released(), { arch: { x86_64: { opts: {} } } })
  await pauseChroot(t.db, COMMAND, 'fedora-43-x86_64', NOW)
  assert.deepEqual([await status(), await released()], [404, undefined])
  await endChroot(t.db, COMMAND, 'fedora-43-x86_64', NOW)
  const kept = { arch: { x86_64: { opts: {}, delete_after_days: 180 } } }
  assert.deepEqual([await status(), await released()], [200, kept])
  await t.db.updateTable('project_chroot').set({ delete_after: NOW }).execute()
  assert.deepEqual([await status(), await released()], [404, undefined])
})

test('a request for an alias gets the repository of its target', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  assert.equal((await t.ask(`${REPO}/fedora-44/dnf.repo?arch=x86_64`)).status, 404)
  await setAlias(t.db, COMMAND, { name_release: 'devuan-5', target: 'debian-12' }, NOW)
  const text = await (await t.ask(`${REPO}/devuan-5/dnf.repo?arch=x86_64`)).text()
  assert.match(text, /^baseurl=.*\/debian-12-\$basearch\/$/m)
})

test('a .repo file has one section for each transitive dependency, and a comment for each deleted project', async () => {
  await using t = await openTestFrontend()
  const add = async (name: string, runtime_dependencies: string[]): Promise<void> => {
    const json = { name, chroots: ['debian-12-x86_64'], runtime_dependencies }
    await t.get('/api_3/project/add/dana', { as: 'dana', json })
  }
  await add('gone', [])
  await add('base', ['copr://dana/gone'])
  await add('libs', ['copr://dana/base', 'https://deps.example.org/'])
  await addTelescope(t, { runtime_dependencies: ['copr://dana/libs', 'copr://dana/base'] })
  await t.get('/api_3/project/edit/dana/base', {
    as: 'dana',
    json: { runtime_dependencies: ['copr://dana/gone', 'copr://dana/telescope'] },
  })
  await t.get('/api_3/project/delete/dana/gone', {
    as: 'dana',
    method: 'DELETE',
    json: { verify: true },
  })
  const text = await (await t.ask(`${REPO}/debian-12/dnf.repo?arch=x86_64`)).text()
  assert.deepEqual(text.match(/^\[.*\]$/gm), [
    '[copr:copr.example.org:dana:telescope]',
    '[coprdep:copr.example.org:dana:libs]',
    '[coprdep:copr.example.org:dana:base]',
    '[coprdep:https_deps_example_org]',
  ])
  assert.match(text, /^# The runtime dependency copr:\/\/dana\/gone does not exist$/m)
})

test(
  'the real dnf accepts a .repo file of the frontend',
  { skip: missingTools('dnf') },
  async () => {
    await using t = await openTestFrontend()
    await addTelescope(t, {
      chroots: ['fedora-43-x86_64', 'fedora-43-i386'],
      multilib: true,
      module_hotfixes: true,
      repo_priority: 7,
      runtime_dependencies: ['https://deps.example.org/$chroot/?priority=3'],
    })
    const dir = await mkdtemp(join(tmpdir(), 'copr-repo-file-'))
    try {
      const text = await (await t.ask(`${REPO}/fedora-43/dnf.repo?arch=x86_64`)).text()
      await writeFile(join(dir, 'copr.repo'), text)
      const options = [`--setopt=reposdir=${dir}`, `--installroot=${dir}/root`, '--releasever=43']
      const { ok, output } = await run('dnf', [...options, 'repolist', '--all'], {
        env: { HOME: dir },
      })
      assert.ok(ok, output)
      for (const id of text.match(/^\[.*\]$/gm) ?? [])
        assert.ok(output.includes(id.slice(1, -1)), `${id} in ${output}`)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
)
