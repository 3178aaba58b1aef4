import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { failReason } from '@copr/testkit/system/build-summary'
import {
  type ClientFixture,
  createProject,
  inProject,
  onlyBuild,
} from '@copr/testkit/clients/client-fixture'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'

const PROJECT = 'shelf'
const CLONE_URL = 'https://git.example.org/tool.git'

interface Kind {
  type: string
  add: string[]
  /** The expected fields of `source_dict` after the package is added. */
  source: Record<string, unknown>
  edit: string[]
  edited: Record<string, unknown>
  /** The subcommand that builds the same kind of source without a package. */
  build: string[]
  /** The expected reason why that build fails. */
  reason: RegExp
}

export function packageCommands(fixture: () => ClientFixture): void {
  const packageOf = async (name: string) =>
    await fixture().get(`package?${inProject(fixture(), PROJECT)}&packagename=${name}`)

  test('`create` adds the project that the following tests use', async () => {
    await createProject(fixture(), PROJECT)
    writeFileSync(join(fixture().dir, 'script.sh'), '#!/bin/sh\necho Name: tool > tool.spec\n')
  })

  for (const { type, add, source, edit, edited } of kinds()) {
    test(`add-package-${type} adds a package, and edit-package-${type} changes it`, async () => {
      const { cli, kim } = fixture()
      const name = `${type}-tool`
      const common = [
        '--name',
        name,
        '--webhook-rebuild',
        'on',
        '--max-builds',
        '3',
        '--timeout',
        '600',
      ]
      const done = 'Create or edit operation was successful.\n'
      assert.equal(await cli.ok(`add-package-${type}`, PROJECT, ...common, ...add), done)
      const added = await packageOf(name)
      assert.deepEqual(
        [added['source_type'], added['auto_rebuild'], added['builds']],
        [type, true, { latest: null, latest_succeeded: null }],
      )
      assertHas(added['source_dict'], source)
      assert.match(await cli.fails(1, `add-package-${type}`, PROJECT, ...common, ...add), /already/)
      const changed = ['--name', name, '--webhook-rebuild', 'off', ...edit]
      assert.equal(await cli.ok(`edit-package-${type}`, PROJECT, ...changed), done)
      const after = await packageOf(name)
      assert.equal(after['auto_rebuild'], false)
      assertHas(after['source_dict'], { ...source, ...edited })
      const elsewhere = `${cli.username}/${PROJECT}`
      await kim.fails(7, `edit-package-${type}`, elsewhere, ...changed)
      await cli.fails(1, `edit-package-${type}`, PROJECT, ...edit, '--name', 'missing')
    })
  }

  test('`list-packages`, `list-package-names` and `get-package` print packages as the API returns them', async () => {
    const { cli, get } = fixture()
    const names = kinds().map(({ type }) => `${type}-tool`)
    assert.deepEqual(
      (await cli.ok('list-package-names', PROJECT)).trim().split('\n').toSorted(),
      names.toSorted(),
    )
    const flags = ['--with-latest-build', '--with-latest-succeeded-build', '--with-all-builds']
    const printed = await cli.ok('list-packages', PROJECT, ...flags, '--output-format', 'json')
    const listed = JSON.parse(printed) as Record<string, unknown>[]
    assert.deepEqual(listed.map(({ name }) => String(name)).toSorted(), names.toSorted())
    const one = JSON.parse(
      await cli.ok(
        'get-package',
        PROJECT,
        '--name',
        'scm-tool',
        ...flags,
        '--output-format',
        'json',
      ),
    ) as Record<string, unknown>
    const { builds: _, ...inApi } = await packageOf('scm-tool')
    assert.deepEqual(one, {
      ...inApi,
      builds: [],
      latest_build: null,
      latest_succeeded_build: null,
    })
    assert.deepEqual(
      listed.find(({ name }) => name === 'scm-tool'),
      one,
    )
    await cli.fails(1, 'get-package', PROJECT, '--name', 'missing')
    assert.equal(
      (await get<{ items: [] }>(`package/list?${inProject(fixture(), PROJECT)}`)).items.length,
      names.length,
    )
  })

  for (const { type, build, reason } of kinds()) {
    test(`${build[0]} is accepted and shown, and fails with the reason why it cannot be built`, async () => {
      const { cli, get, system, ended } = fixture()
      const [command = '', ...options] = build
      const id = onlyBuild(await cli.ok(command, PROJECT, ...options, '--nowait'))
      const config = await get(`build/source-build-config/${id}`)
      assert.equal(config['source_type'], type)
      assert.equal((await ended(id)).state, 'failed')
      assert.match(await failReason(system, id), reason)
      assert.match(
        await cli.fails(4, 'watch-build', String(id)),
        new RegExp(`Build\\(s\\) ${id} failed`),
      )
    })
  }

  test('`build-package` builds from the source of the package', async () => {
    const { cli, get, ended } = fixture()
    const printed = await cli.ok('build-package', PROJECT, '--name', 'custom-tool', '--nowait')
    assert.match(printed, new RegExp(`^Build was added to ${PROJECT}:\n`))
    const id = onlyBuild(printed)
    const build = await ended(id)
    assert.deepEqual([build.source_package.name, build.chroots], ['custom-tool', [DISTRO_CHROOT]])
    const config = await get(`build/source-build-config/${id}`)
    assertHas(config['source_dict'], { builddeps: 'git make' })
    const flags = ['--with-latest-build', '--with-all-builds', '--output-format', 'json']
    const shown = JSON.parse(
      await cli.ok('get-package', PROJECT, '--name', 'custom-tool', ...flags),
    ) as {
      latest_build: { id: number }
      builds: { id: number }[]
    }
    assert.equal(shown.latest_build.id, id)
    assert.deepEqual(
      shown.builds.map((each) => each.id),
      [id],
    )
  })

  test('`reset-package` removes the source of a package, and `delete-package` removes the package', async () => {
    const { cli, system } = fixture()
    assert.match(await cli.ok('reset-package', PROJECT, '--name', 'scm-tool'), /reset/)
    const { source_type, source_dict } = await packageOf('scm-tool')
    assert.deepEqual({ source_type, source_dict }, { source_type: 'unset', source_dict: {} })
    await cli.fails(1, 'build-package', PROJECT, '--name', 'scm-tool', '--nowait')
    assert.equal(
      await cli.ok('delete-package', PROJECT, '--name', 'custom-tool'),
      'Package custom-tool was successfully deleted.\n',
    )
    const path = `package?${inProject(fixture(), PROJECT)}&packagename=custom-tool`
    assert.equal((await system.api.raw('GET', path)).status, 404)
    await cli.fails(1, 'delete-package', PROJECT, '--name', 'custom-tool')
  })

  function kinds(): Kind[] {
    return [
      {
        type: 'scm',
        reason: /^cannot clone https:\/\/git\.example\.org\/tool\.git: /,
        add: [
          '--clone-url',
          CLONE_URL,
          '--commit',
          'main',
          '--subdir',
          'rpm',
          '--spec',
          'tool.spec',
          '--method',
          'tito',
        ],
        source: {
          type: 'git',
          clone_url: CLONE_URL,
          committish: 'main',
          subdirectory: 'rpm',
          spec: 'tool.spec',
          source_build_method: 'tito',
        },
        edit: ['--clone-url', CLONE_URL, '--commit', 'stable'],
        // copr-cli sends an empty string for omitted options
        edited: {
          committish: 'stable',
          subdirectory: '',
          spec: '',
          source_build_method: 'rpkg',
        },
        build: ['buildscm', '--clone-url', CLONE_URL, '--type', 'git', '--method', 'make_srpm'],
      },
      {
        type: 'pypi',
        reason: /pypi/i,
        add: [
          '--packagename',
          'tool',
          '--packageversion',
          '1.2',
          '--template',
          'fedora',
          '--pythonversions',
          '3',
        ],
        source: {
          pypi_package_name: 'tool',
          pypi_package_version: '1.2',
          spec_template: 'fedora',
          python_versions: ['3'],
        },
        edit: ['--packagename', 'tool', '--packageversion', '1.3'],
        edited: { pypi_package_version: '1.3' },
        build: ['buildpypi', '--packagename', 'tool'],
      },
      {
        type: 'rubygems',
        reason: /rubygems/i,
        add: ['--gem', 'tool'],
        source: { gem_name: 'tool' },
        edit: ['--gem', 'other-tool'],
        edited: { gem_name: 'other-tool' },
        build: ['buildgem', '--gem', 'tool'],
      },
      {
        type: 'distgit',
        reason: /^cannot clone https:\/\/src\.fedoraproject\.org\/rpms\/tool\.git: /,
        add: ['--distgit', 'fedora', '--commit', 'f43'],
        source: { distgit: 'fedora', committish: 'f43' },
        edit: ['--commit', 'rawhide'],
        edited: { committish: 'rawhide' },
        build: ['build-distgit', '--name', 'tool', '--distgit', 'fedora'],
      },
      {
        type: 'custom',
        reason: /^cannot create the SRPM: rpmbuild -bs exited with code 1: /,
        add: [
          '--script',
          scriptPath(),
          '--script-chroot',
          DISTRO_CHROOT,
          '--script-builddeps',
          'git',
        ],
        source: { chroot: DISTRO_CHROOT },
        edit: [
          '--script',
          scriptPath(),
          '--script-chroot',
          DISTRO_CHROOT,
          '--script-builddeps',
          'git make',
        ],
        edited: { builddeps: 'git make', script: '#!/bin/sh\necho Name: tool > tool.spec\n' },
        build: ['buildcustom', '--script', scriptPath(), '--script-chroot', DISTRO_CHROOT],
      },
    ]
  }
}

/** A path relative to the folder of the configuration file, in which copr-cli runs. */
function scriptPath(): string {
  return 'script.sh'
}

function assertHas(actual: unknown, expected: Record<string, unknown>): void {
  const all = actual as Record<string, unknown>
  const some = Object.fromEntries(Object.keys(expected).map((key) => [key, all[key]]))
  assert.deepEqual(some, expected)
}
