import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ProjectAnswer } from '@copr/contract/api/projects'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { apiClient } from '@copr/testkit/system/api-client'
import {
  type ClientFixture,
  createProject,
  inProject,
  OTHER_CHROOT,
} from '@copr/testkit/clients/client-fixture'

export function projectCommands(fixture: () => ClientFixture): void {
  test('`whoami` prints the user name, and `list-chroots` prints the chroots', async () => {
    const { cli } = fixture()
    assert.equal(await cli.ok('whoami'), `${cli.username}\n`)
    const chroots = await cli.ok('list-chroots')
    assert.match(chroots, new RegExp(`^${DISTRO_CHROOT}\\n {4}Mini distribution`, 'm'))
    assert.match(chroots, new RegExp(`^${OTHER_CHROOT}\\n {4}Nothing is built here$`, 'm'))
  })

  test('`create` accepts every option', async () => {
    const { cli, get, system } = fixture()
    const options = {
      '--chroot': DISTRO_CHROOT,
      '--description': 'All of it',
      '--instructions': 'Just install',
      '--repo': 'https://deps.example.org/$chroot/',
      '--disable_createrepo': 'true',
      '--enable-net': 'on',
      '--unlisted-on-hp': 'on',
      '--auto-prune': 'off',
      '--isolation': 'simple',
      '--bootstrap': 'off',
      '--delete-after-days': '7',
      '--module-hotfixes': 'on',
      '--multilib': 'on',
      '--appstream': 'on',
      '--follow-fedora-branching': 'off',
      '--repo-priority': '7',
      '--storage': 'backend',
      '--runtime-repo-dependency': 'https://runtime.example.org/',
      '--packit-forge-project-allowed': 'https://github.com/example/all',
      '--initial-pkgs': 'ignored',
    }
    const printed = await cli.ok(
      'create',
      'all',
      '--fedora-review',
      ...Object.entries(options).flat(),
    )
    assert.equal(
      printed,
      `New project was successfully created: ${system.url}/coprs/${cli.username}/all/\n`,
    )
    const project = await get<ProjectAnswer>(`project?${inProject(fixture(), 'all')}`)
    const { id, chroot_repos, ...rest } = project
    assert.ok(id > 0)
    assert.deepEqual(Object.keys(chroot_repos), [DISTRO_CHROOT])
    assert.deepEqual(rest, {
      name: 'all',
      ownername: cli.username,
      full_name: `${cli.username}/all`,
      homepage: null,
      contact: null,
      description: 'All of it',
      instructions: 'Just install',
      devel_mode: true,
      persistent: false,
      unlisted_on_hp: true,
      auto_prune: false,
      enable_net: true,
      bootstrap: 'off',
      isolation: 'simple',
      module_hotfixes: true,
      appstream: true,
      follow_fedora_branching: false,
      repo_priority: 7,
      storage: 'backend',
      additional_repos: ['https://deps.example.org/$chroot/'],
      packit_forge_projects_allowed: ['github.com/example/all'],
    })
    assert.match(await cli.fails(1, 'create', 'all', '--chroot', DISTRO_CHROOT), /already/)
    assert.match(await cli.fails(1, 'create', 'none', '--chroot', 'nope-1-x86_64'), /nope-1-x86_64/)
    assert.match(await cli.fails(1, 'create', 'none'), /chroots/)
  })

  test('`get` and `list` print a project', async () => {
    const { cli, kim, system } = fixture()
    const repo = `${system.url}/results/${cli.username}/all/${DISTRO_CHROOT}/`
    const lines = [
      'Name: all',
      '  Description: All of it',
      '  Repo(s):',
      `    ${DISTRO_CHROOT}: ${repo}`,
      '  Additional repo: https://deps.example.org/$chroot/',
      '',
    ].join('\n')
    assert.equal(await cli.ok('get', 'all'), `${lines}\n`)
    for (const listed of [await cli.ok('list'), await kim.ok('list', cli.username)])
      assert.ok(listed.includes(lines), listed)
    assert.match(await kim.ok('list'), /No copr retrieved for user: 'kim'/)
    assert.match(await cli.fails(1, 'get', 'missing'), /does not exist/)
  })

  test('`modify` changes only the given settings', async () => {
    const { cli, get } = fixture()
    const before = await get<ProjectAnswer>(`project?${inProject(fixture(), 'all')}`)
    const options = {
      '--chroot': OTHER_CHROOT,
      '--description': 'Less of it',
      '--repo': 'https://other.example.org/',
      '--disable_createrepo': 'false',
      '--enable-net': 'off',
      '--isolation': 'nspawn',
      '--delete-after-days': '-1',
      '--fedora-review': 'off',
      '--repo-priority': '9',
    }
    await cli.ok('modify', 'all', ...Object.entries(options).flat())
    const { chroot_repos, ...after } = await get<ProjectAnswer>(
      `project?${inProject(fixture(), 'all')}`,
    )
    assert.deepEqual(Object.keys(chroot_repos), [OTHER_CHROOT])
    const { chroot_repos: _, ...same } = before
    assert.deepEqual(after, {
      ...same,
      description: 'Less of it',
      additional_repos: ['https://other.example.org/'],
      devel_mode: false,
      enable_net: false,
      isolation: 'nspawn',
      bootstrap: 'default', // copr-cli always sends this one
      repo_priority: 9,
    })
    assert.match(await cli.fails(1, 'modify', 'missing', '--description', 'x'), /does not exist/)
  })

  test('`mock-config` prints a profile with the repositories of the project', async () => {
    const { cli, system } = fixture()
    const printed = await cli.ok('mock-config', 'all', OTHER_CHROOT)
    for (const line of [
      `include('/etc/mock/${OTHER_CHROOT}.cfg')`,
      `config_opts['root'] = '${cli.username}-all_${OTHER_CHROOT}'`,
      `config_opts['isolation'] = 'nspawn'`,
      `baseurl=${system.url}/results/${cli.username}/all/${OTHER_CHROOT}/`,
      'baseurl=https://other.example.org/',
      'priority=9',
    ])
      assert.ok(printed.includes(line), `lacks ${line}:\n${printed}`)
    await cli.fails(1, 'mock-config', 'all', 'nope-1-x86_64')
  })

  test('`new-webhook-secret` replaces the secret', async () => {
    const { cli } = fixture()
    const uuid = /Generated new token: ([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21})\n$/
    const secrets = new Set<string | undefined>()
    for (let times = 0; times < 2; times += 1)
      secrets.add(uuid.exec(await cli.answering('y\n', 'new-webhook-secret', 'all'))?.[1])
    assert.equal(secrets.size, 2)
    assert.ok(!secrets.has(undefined))
    assert.doesNotMatch(await cli.answering('n\n', 'new-webhook-secret', 'all'), /Generated/)
  })

  test('`new-api-token` replaces the token in the configuration', async () => {
    const { kim, system } = fixture()
    const tokenIn = () => {
      const text = readFileSync(kim.config, 'utf8')
      const value = (key: string): string =>
        new RegExp(`^${key} = (.+)$`, 'm').exec(text)?.[1] ?? ''
      return { login: value('login'), token: value('token'), text }
    }
    const statusOf = async (credentials: { login: string; token: string }) =>
      (await apiClient(system.url, 'kim', credentials).raw('GET', 'auth-check')).status
    const old = tokenIn()
    assert.equal(await statusOf(old), 200)
    assert.match(await kim.ok('new-api-token'), /New API token was updated in /)
    const renewed = tokenIn()
    assert.match(renewed.token, /^[a-z]{30}$/)
    assert.doesNotMatch(renewed.text, /2099-01-01/)
    assert.equal(await statusOf(renewed), 200)
    assert.equal(await statusOf(old), 401)
  })

  test('`delete` deletes the project, and its name can be used again', async () => {
    const { cli, system } = fixture()
    assert.equal(await cli.ok('delete', 'all'), 'Project all has been deleted.\n')
    assert.equal(
      (await system.api.raw('GET', `project?${inProject(fixture(), 'all')}`)).status,
      404,
    )
    assert.match(await cli.fails(1, 'delete', 'all'), /does not exist/)
    await createProject(fixture(), 'all')
  })

  test('a group can own projects', async () => {
    const { cli, kim, get, system } = fixture()
    const printed = await kim.ok('create', '@crew/shared', '--chroot', DISTRO_CHROOT)
    assert.equal(
      printed,
      `New project was successfully created: ${system.url}/coprs/g/crew/shared/\n`,
    )
    const project = await get<ProjectAnswer>('project?ownername=@crew&projectname=shared')
    assert.equal(project.full_name, '@crew/shared')
    assert.match(await cli.ok('list', '@crew'), /^Name: shared$/m)
    const refused = await kim.fails(1, 'create', '@nobody/shared', '--chroot', DISTRO_CHROOT)
    assert.match(refused, /@nobody/)
  })
}
