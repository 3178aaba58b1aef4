import { ErrorAnswer } from '@copr/contract/api/lists'
import { MonitorAnswer } from '@copr/contract/api/monitor'
import { monitorPage } from '@copr/domain/packages/monitor'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finish, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const MONITOR = '/api_3/monitor?ownername=dana&projectname=telescope'

test('monitor returns the latest build of each package in each chroot of a directory', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  assert.deepEqual((await t.get(MONITOR))['packages'], [])
  const first = await upload(t)
  const second = await upload(t, { chroots: ['fedora-43-x86_64'] })
  const other = await upload(t, { project_dirname: 'telescope:pr:7' })
  await finish(t, first.id)
  const { packages } = MonitorAnswer.parse(await t.get(MONITOR))
  assert.deepEqual(packages, [
    {
      name: 'hello',
      chroots: {
        'debian-12-x86_64': cell(first.id, 'succeeded', 1),
        'fedora-43-x86_64': cell(second.id, 'waiting', 9),
      },
    },
  ])
  const inDir = MonitorAnswer.parse(await t.get(`${MONITOR}&project_dirname=telescope:pr:7`))
  assert.deepEqual(
    Object.values(inDir.packages[0]?.chroots ?? {}).map(({ build_id }) => build_id),
    [other.id, other.id],
  )
})

function cell(build_id: number, state: string, status: number) {
  return { build_id, state, status, pkg_version: '2.12-1' }
}

test('monitor returns the requested log URLs', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t, { chroots: ['debian-12-x86_64'] })
  const ask = async () => {
    const fields = 'additional_fields[]=url_build_log&additional_fields[]=url_backend_log'
    const { packages } = MonitorAnswer.parse(await t.get(`${MONITOR}&${fields}`))
    const found = packages[0]?.chroots['debian-12-x86_64']
    return [found?.url_build_log, found?.url_backend_log]
  }
  assert.deepEqual(await ask(), [null, null])
  await finish(t, id)
  const dir = 'http://copr.example.org:5000/results/dana/telescope/debian-12-x86_64/00000001-hello'
  assert.deepEqual(await ask(), [`${dir}/builder-live.log.gz`, `${dir}/backend.log.gz`])
  await fixtures(t.db).updateTable('build_chroot').set({ state: 'running' }).execute()
  assert.deepEqual(await ask(), [`${dir}/builder-live.log`, `${dir}/backend.log`])
})

test('monitor refuses unknown fields and unknown directories', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const unknown = await t.ask(`${MONITOR}&additional_fields[]=secret`)
  assert.equal(unknown.status, 400)
  assert.equal(
    ErrorAnswer.parse(await unknown.json()).error,
    'Wrong additional_fields argument(s): secret',
  )
  assert.equal((await t.ask(`${MONITOR}&project_dirname=telescope:pr:8`)).status, 404)
})

test('the pages of monitorPage() contain each built package exactly once', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  await finish(t, id)
  const build = await t.db.selectFrom('build').selectAll().executeTakeFirstOrThrow()
  const { project_id, project_dir_id } = build
  for (const name of ['a', 'b', 'c', 'd'])
    await t.db
      .insertInto('package')
      .values({ project_id, name, source_type: 'unset', source_json: '{}', created_at: new Date() })
      .execute()
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = await monitorPage(t.db, {
      project_id,
      project_dir_id,
      limit: 2,
      ...(after === undefined ? {} : { after }),
    })
    seen.push(...page.packages.map(({ name }) => name))
    after = page.next
  } while (after !== undefined)
  assert.deepEqual(seen, ['hello'])
})
