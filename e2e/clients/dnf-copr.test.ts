import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { RpmrepoAnswer } from '@copr/contract/api/rpmrepo'
import {
  type ClientFixture,
  clientFixture,
  createProject,
  MULTILIB_CHROOT,
  onlyBuild,
} from '@copr/testkit/clients/client-fixture'
import { readRepository } from '@copr/testkit/system/repository'
import { type DnfCopr, dnfCopr } from '@copr/testkit/clients/dnf-copr'
import { DISTRO_ARCH, DISTRO_CHROOT, DISTRO_RELEASE } from '@copr/demo-distro/chroot'
import { whyNoSystem } from '@copr/testkit/system/requirements'

suite('the unmodified copr plugin of dnf 4', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let fixture: ClientFixture
  let dnf: DnfCopr
  const succeeds = async (outcome: ReturnType<DnfCopr['dnf']>): Promise<string> => {
    const { ok, output } = await outcome
    assert.ok(ok, output)
    return output
  }
  const fails = async (outcome: ReturnType<DnfCopr['dnf']>): Promise<string> => {
    const { ok, output } = await outcome
    assert.ok(!ok, output)
    return output
  }
  const repoFile = (owner: string, project: string): string =>
    join(dnf.repos, `_copr:127.0.0.1:${owner}:${project}.repo`)

  before(async () => {
    fixture = await clientFixture()
    dnf = dnfCopr(fixture.system)
    const { cli, sources, ended, system } = fixture
    await createProject(fixture, 'libs')
    await cli.ok('create', '@crew/tools', '--chroot', DISTRO_CHROOT, '--description', 'Of the crew')
    const depends = ['--runtime-repo-dependency', `copr://${cli.username}/libs`]
    await createProject(fixture, 'app', '--description', 'Has what it needs', ...depends)
    const wide = ['--chroot', MULTILIB_CHROOT, '--multilib', 'on', '--repo-priority', '7']
    await createProject(fixture, 'wide', ...wide)
    for (const project of ['libs', 'app', '@crew/tools']) {
      const name = `from-${project.replace('@crew/', '')}`
      const id = onlyBuild(await cli.ok('build', project, await sources.make({ name }), '--nowait'))
      assert.equal((await ended(id)).state, 'succeeded', system.logs())
    }
  })
  after(async () => {
    dnf?.[Symbol.dispose]()
    await fixture?.[Symbol.asyncDispose]()
  })

  test('`dnf copr enable` enables a project, and dnf installs from it with both signatures checked', async () => {
    const owner = fixture.cli.username
    assert.match(
      await succeeds(dnf.copr('enable', `${owner}/libs`, DISTRO_CHROOT)),
      /successfully enabled/,
    )
    const content = readFileSync(repoFile(owner, 'libs'), 'utf8')
    assert.match(content, /^\[copr:127\.0\.0\.1:[^\]]+:libs\]\n/)
    assert.match(content, /^gpgcheck=1$/m)
    await succeeds(dnf.dnf('install', 'from-libs'))
    assert.equal(
      readFileSync(join(dnf.root, 'usr/share/tiny/from-libs'), 'utf8'),
      'from-libs 1.0 1\n',
    )
  })

  test('`dnf copr list` shows the enabled, disabled and available projects', async () => {
    const { username } = fixture.cli
    const shown = `127.0.0.1/${username}/libs`
    assert.ok((await succeeds(dnf.dnf('copr', 'list'))).includes(shown))
    await succeeds(dnf.copr('disable', `${username}/libs`))
    assert.match(readFileSync(repoFile(username, 'libs'), 'utf8'), /^enabled ?= ?0$/m)
    assert.ok(
      (await succeeds(dnf.dnf('copr', 'list', '--disabled'))).includes(`${shown} (disabled)`),
    )
    assert.ok(!(await succeeds(dnf.dnf('copr', 'list', '--enabled'))).includes(shown))
    const available = await succeeds(dnf.copr('list', '--available-by-user', username))
    assert.match(available, new RegExp(`${username}/app : Has what it needs`))
    await succeeds(dnf.copr('remove', `${username}/libs`))
    assert.ok(!existsSync(repoFile(username, 'libs')))
  })

  test('`dnf copr search` finds projects', async () => {
    assert.match(await succeeds(dnf.copr('search', 'tools')), /@crew\/tools : Of the crew/)
  })

  test('`dnf copr enable`, `install` and `remove` work with the projects of a group', async () => {
    await succeeds(dnf.copr('enable', '@crew/tools', DISTRO_CHROOT))
    assert.match(readFileSync(repoFile('group_crew', 'tools'), 'utf8'), /:group_crew:tools\]/)
    await succeeds(dnf.dnf('install', 'from-tools'))
    assert.ok(existsSync(join(dnf.root, 'usr/share/tiny/from-tools')))
    await succeeds(dnf.copr('remove', '@crew/tools'))
  })

  test("dnf copr enable also enables a project's runtime dependencies, and reports them", async () => {
    const { username } = fixture.cli
    const output = await succeeds(dnf.copr('enable', `${username}/app`, DISTRO_CHROOT))
    assert.match(output, new RegExp(`coprdep:127\\.0\\.0\\.1:${username}:libs`))
    await succeeds(dnf.dnf('remove', 'from-libs'))
    await succeeds(dnf.dnf('install', 'from-app', 'from-libs'))
    assert.ok(existsSync(join(dnf.root, 'usr/share/tiny/from-libs')))
    await succeeds(dnf.copr('remove', `${username}/app`))
  })

  test('`dnf copr enable` adds a second repository for a project with multilib', async () => {
    const { username } = fixture.cli
    await succeeds(dnf.copr('enable', `${username}/wide`, DISTRO_CHROOT))
    const content = readFileSync(repoFile(username, 'wide'), 'utf8')
    const multilib = content.slice(content.indexOf(`[copr:127.0.0.1:${username}:wide:ml]`))
    assert.match(multilib, /^baseurl=.*-i386\/$/m)
    assert.match(multilib, /^cost=1100$/m)
    assert.match(content, /^priority=7$/m)
    await succeeds(dnf.dnf('--refresh', 'makecache'))
    await succeeds(dnf.copr('remove', `${username}/wide`))
  })

  test('the API responses for the dnf 5 plugin describe repositories that exist', async () => {
    const { username } = fixture.cli
    const read = async (owner: string, dirname: string): Promise<RpmrepoAnswer> =>
      await fixture.get(`rpmrepo/${owner}/${dirname}/${DISTRO_RELEASE}/`)
    const app = await read(username, 'app')
    const [dependency] = app.dependencies
    assert.equal(dependency?.type, 'copr')
    assert.deepEqual(dependency?.data, { owner: username, projectname: 'libs' })
    assert.match(dependency.opts.id, new RegExp(`^coprdep:[^:]+:${username}:libs$`))
    for (const [owner, project] of [
      [username, 'app'],
      [username, 'libs'],
      ['@crew', 'tools'],
    ] as const) {
      const { results_url, repos, directories } = await read(owner, project)
      assert.deepEqual(directories, { [project]: {} })
      assert.deepEqual(repos, {
        [DISTRO_RELEASE]: { arch: { [DISTRO_ARCH]: { opts: {} } } },
      })
      const at = `${results_url}/${owner}/${project}`
      const { packages } = await readRepository(`${at}/${DISTRO_CHROOT}/`)
      assert.ok(packages.some(({ nevra }) => nevra.startsWith('from-')))
      assert.match(await (await fetch(`${at}/pubkey.gpg`)).text(), /BEGIN PGP PUBLIC KEY/)
    }
    const wide = (await read(username, 'wide')).repos[DISTRO_RELEASE]?.arch[DISTRO_ARCH]
    assert.deepEqual(wide, {
      opts: { priority: 7 },
      multilib: { i386: { opts: { cost: '1100', priority: 7 } } },
    })
    const missing = await fixture.system.api.raw(
      'GET',
      `rpmrepo/${username}/missing/${DISTRO_RELEASE}/`,
    )
    assert.equal(missing.status, 404)
  })

  test('enabling a chroot that the project does not have prints the available chroots', async () => {
    const { username } = fixture.cli
    const output = await fails(dnf.copr('enable', `${username}/libs`, 'fedora-43-x86_64'))
    assert.match(output, /Repository 'fedora-43-x86_64' does not exist in project/)
    assert.ok(output.includes(`Available repositories: '${DISTRO_CHROOT}'`), output)
    const missing = await fails(dnf.copr('enable', `${username}/missing`, DISTRO_CHROOT))
    assert.match(missing, /Project .*missing does not exist/)
    assert.deepEqual(readdirSync(dnf.repos), ['base.repo'])
  })
})
