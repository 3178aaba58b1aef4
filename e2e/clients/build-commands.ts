import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ProjectAnswer } from '@copr/contract/api/projects'
import { readRepository } from '@copr/testkit/system/repository'
import {
  type ClientFixture,
  createdBuilds,
  createProject,
  inProject,
  onlyBuild,
} from '@copr/testkit/clients/client-fixture'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'

const PROJECT = 'yard'
const FOR_EVER = 'sleep 3600'

export function buildCommands(fixture: () => ClientFixture): void {
  const resultsOf = (project: string): string => {
    const { system, cli } = fixture()
    return `${system.url}/results/${cli.username}/${project}/${DISTRO_CHROOT}/`
  }
  const nevrasOf = async (project: string): Promise<string[]> =>
    (await readRepository(resultsOf(project))).packages.map(({ nevra }) => nevra)
  const submit = async (name: string, ...options: string[]): Promise<number> => {
    const { cli, sources } = fixture()
    return onlyBuild(
      await cli.ok('build', PROJECT, await sources.make({ name }), '--nowait', ...options),
    )
  }
  let uploaded: number

  test('`build` accepts files and URLs, and the builds succeed', async () => {
    const { cli, sources, files, system, ended } = fixture()
    await createProject(fixture(), PROJECT)
    const [file, link] = [
      await sources.make({ name: 'by-file' }),
      await sources.make({ name: 'by-link' }),
    ]
    const printed = await cli.ok('build', PROJECT, file, files.offer(link), '--nowait')
    const ids = createdBuilds(printed)
    assert.equal(ids.length, 2)
    const lines = ids.map((id) => `  ${system.url}/coprs/build/${id}\n`).join('')
    assert.ok(printed.includes(`Build was added to ${PROJECT}:\n${lines}Created builds: `), printed)
    for (const id of ids) assert.equal((await ended(id)).state, 'succeeded', system.logs())
    const nevras = await nevrasOf(PROJECT)
    for (const name of ['by-file', 'by-link']) assert.ok(nevras.includes(`${name}-1.0-1.noarch`))
    uploaded = ids[0] ?? 0
  })

  test('`build` waits until the build ends, and `watch-build` reports its state', async () => {
    const { cli, sources } = fixture()
    const printed = await cli.ok('build', PROJECT, await sources.make({ name: 'watched' }))
    assert.match(printed, /Watching build\(s\): \(this may be safely interrupted\)/)
    const id = onlyBuild(printed)
    assert.match(printed, new RegExp(`Build ${id}: succeeded`))
    assert.match(
      await cli.ok('watch-build', String(id), String(uploaded)),
      new RegExp(`Build ${uploaded}: succeeded`),
    )
  })

  test('`watch-build` exits with 4 for a failed build', async () => {
    const { cli, sources, ended } = fixture()
    const srpm = await sources.make({ name: 'broken', build: 'exit 1' })
    const id = onlyBuild(await cli.ok('build', PROJECT, srpm, '--nowait'))
    assert.equal((await ended(id)).state, 'failed')
    assert.equal(await cli.ok('status', String(id)), 'failed\n')
    assert.match(
      await cli.fails(4, 'watch-build', String(id)),
      new RegExp(`Build\\(s\\) ${id} failed\\.`),
    )
  })

  test('`status`, `list-builds` and `monitor` print the states of builds', async () => {
    const { cli, get } = fixture()
    assert.equal(await cli.ok('status', String(uploaded)), 'succeeded\n')
    await cli.fails(1, 'status', '999999')
    const { items } = await get<{ items: { id: number }[] }>(
      `build/list?${inProject(fixture(), PROJECT)}`,
    )
    const listed = JSON.parse(await cli.ok('list-builds', PROJECT, '--output-format', 'json')) as {
      id: number
    }[]
    assert.deepEqual(
      listed.map(({ id }) => id),
      items.map(({ id }) => id),
    )
    assert.match(
      await cli.ok('list-builds', PROJECT),
      new RegExp(`^${uploaded}\tby-file\tsucceeded$`, 'm'),
    )
    const fields = 'name,chroot,build_id,state,pkg_version,url_build_log,url_backend_log,url_build'
    const monitored = JSON.parse(
      await cli.ok('monitor', PROJECT, '--fields', fields, '--output-format', 'json'),
    ) as Record<string, unknown>[]
    const row = monitored.find(({ name }) => name === 'by-file')
    assert.deepEqual(
      [row?.['chroot'], row?.['build_id'], row?.['state'], row?.['pkg_version']],
      [DISTRO_CHROOT, uploaded, 'succeeded', '1.0-1'],
    )
    assert.equal((await fetch(String(row?.['url_build_log']))).status, 200)
    await cli.fails(2, 'monitor', PROJECT, '--fields', 'nonsense')
  })

  test('`download-build` fetches the results of a build', async () => {
    const { cli, dir } = fixture()
    const download = async (name: string, ...options: string[]): Promise<string[]> => {
      const dest = join(dir, name)
      await cli.ok('download-build', String(uploaded), '--dest', dest, ...options)
      return existsSync(dest) ? readdirSync(join(dest, DISTRO_CHROOT)) : []
    }
    const all = await download('all')
    for (const file of ['by-file-1.0-1.noarch.rpm', 'by-file-1.0-1.src.rpm', 'builder-live.log.gz'])
      assert.ok(all.includes(file), all.join())
    const rpms = await download('rpms', '--rpms')
    assert.deepEqual(rpms.toSorted(), ['by-file-1.0-1.noarch.rpm', 'by-file-1.0-1.src.rpm'])
    assert.ok((await download('logs', '--logs')).every((file) => file.endsWith('.log.gz')))
    assert.ok((await download('spec', '--spec')).includes('by-file.spec'))
    assert.deepEqual(await download('other', '-r', 'fedora-43-x86_64'), [])
  })

  test('`cancel` cancels a running build, after which `watch-build` exits with 4', async () => {
    const { cli, sources, system } = fixture()
    const srpm = await sources.make({ name: 'sleeper', build: FOR_EVER })
    const id = onlyBuild(await cli.ok('build', PROJECT, srpm, '--nowait'))
    await system.api.waitForState(id, ['running'], 60_000)
    assert.equal(await cli.ok('cancel', String(id)), 'canceled\n')
    assert.equal((await system.api.build(id)).state, 'canceled')
    assert.match(await cli.fails(4, 'watch-build', String(id)), /canceled\./)
    assert.match(await cli.fails(1, 'cancel', String(id)), /finished|cannot/i)
    await fixture().kim.fails(7, 'cancel', String(id))
  })

  test('`build` accepts batches, chroots, project directories and other options', async () => {
    const { cli, sources, system, get, ended } = fixture()
    const slow = await sources.make({ name: 'first', build: FOR_EVER })
    const first = onlyBuild(await cli.ok('build', PROJECT, slow, '--nowait', '--background'))
    assert.equal((await system.api.build(first)).is_background, true)
    const beside = await submit('beside', '--with-build-id', String(first))
    const later = await submit('later', '--after-build-id', String(first))
    assert.equal((await ended(beside)).state, 'succeeded')
    assert.notEqual((await system.api.build(later)).state, 'succeeded')
    await cli.ok('cancel', String(first))
    assert.equal((await ended(later)).state, 'succeeded')

    const options = [
      '-r',
      'debian-*',
      '--timeout',
      '600',
      '--enable-net',
      'off',
      '--isolation',
      'simple',
    ]
    const side = onlyBuild(
      await cli.ok(
        'build',
        `${PROJECT}:custom:side`,
        await sources.make({ name: 'aside' }),
        '--nowait',
        ...options,
      ),
    )
    const { state, project_dirname } = await ended(side)
    assert.deepEqual(
      { state, project_dirname },
      { state: 'succeeded', project_dirname: `${PROJECT}:custom:side` },
    )
    assert.ok((await nevrasOf(`${PROJECT}:custom:side`)).includes('aside-1.0-1.noarch'))
    assert.ok(!(await nevrasOf(PROJECT)).includes('aside-1.0-1.noarch'))
    assert.equal((await get(`build/source-build-config/${side}`))['timeout'], 600)
    const excluded = ['--exclude-chroot', DISTRO_CHROOT, '--nowait']
    await cli.fails(1, 'build', PROJECT, await sources.make({ name: 'nowhere' }), ...excluded)
  })

  test('`delete-build` deletes builds, and their packages are removed from the repository', async () => {
    const { cli, system } = fixture()
    const id = await submit('goes')
    assert.equal((await fixture().ended(id)).state, 'succeeded')
    await fixture().kim.fails(1, 'delete-build', String(id))
    assert.equal(await cli.ok('delete-build', String(id)), `Build(s) ${id} were deleted.\n`)
    assert.equal((await system.api.raw('GET', `build/${id}`)).status, 404)
    await fixture().eventually(async () => !(await nevrasOf(PROJECT)).includes('goes-1.0-1.noarch'))
    await cli.fails(1, 'delete-build', String(id))
  })

  test('`regenerate-repos` publishes builds that devel mode holds back', async () => {
    const { cli, sources, ended } = fixture()
    await createProject(fixture(), 'slow-lane', '--disable_createrepo', 'true')
    const srpm = await sources.make({ name: 'held' })
    const id = onlyBuild(await cli.ok('build', 'slow-lane', srpm, '--nowait'))
    assert.equal((await ended(id)).state, 'succeeded')
    assert.deepEqual(await nevrasOf('slow-lane'), [])
    assert.equal(
      await cli.ok('regenerate-repos', 'slow-lane'),
      `Submitted action to regenerate repository metadata for the '${cli.username}/slow-lane' project.\n`,
    )
    await fixture().eventually(async () =>
      (await nevrasOf('slow-lane')).includes('held-1.0-1.noarch'),
    )
  })

  test('`fork` copies the project with its builds', async () => {
    const { cli, kim, get } = fixture()
    const printed = await kim.ok('fork', `${cli.username}/${PROJECT}`, 'copy')
    assert.match(
      printed,
      new RegExp(`^Forking project ${cli.username}/${PROJECT} for you into kim/copy\\.`),
    )
    const copy = await get<ProjectAnswer>('project?ownername=kim&projectname=copy')
    assert.deepEqual(Object.keys(copy.chroot_repos), [DISTRO_CHROOT])
    const url = copy.chroot_repos[DISTRO_CHROOT] ?? ''
    await fixture().eventually(async () =>
      (await readRepository(url)).packages.some(({ nevra }) => nevra === 'by-file-1.0-1.noarch'),
    )
    await fixture().eventually(async () => {
      const { items } = await get<{ items: { state: string }[] }>(
        'build/list?ownername=kim&projectname=copy',
      )
      return items.length > 0 && items.every(({ state }) => state === 'forked')
    })
    await kim.fails(1, 'fork', `${cli.username}/${PROJECT}`, 'copy')
    assert.match(
      await kim.ok('fork', `${cli.username}/${PROJECT}`, 'copy', '--confirm'),
      /^Updating packages in kim\/copy/,
    )
  })
}
