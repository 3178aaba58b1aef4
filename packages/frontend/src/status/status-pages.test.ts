import assert from 'node:assert/strict'
import { test } from 'node:test'
import { link, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

test('/status/pending/ lists pending tasks, such as source builds', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const page = await (await t.ask('/status/pending/')).text()
  assert.match(page, new RegExp(`>${id}</a>[^]*dana/telescope[^]*source package`))
  assert.match(page, /Pending 1</)
  assert.match(await (await t.ask('/status/running/')).text(), /No task is running at the moment/)
})

test('/status/ redirects to the pending tasks, and unknown states get 404', async () => {
  await using t = await openTestFrontend()
  assert.equal((await t.ask('/status/')).headers.get('location'), '/status/pending/')
  assert.equal((await t.ask('/status/nothing/')).status, 404)
})

test('/status/pending/?after= continues where the previous page ended', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await link(t)
  const { id } = await t.db.selectFrom('task').select('id').executeTakeFirstOrThrow()
  assert.match(await (await t.ask(`/status/pending/?after=${id}`)).text(), /No task is pending/)
})

test('a task is counted and listed under the state of its build step', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id: imported } = await upload(t)
  const { id: begun } = await link(t)
  await link(t)
  await fixtures(t.db)
    .updateTable('task')
    .set({ state: 'leased' })
    .where('build_id', '=', begun)
    .execute()
  for (const state of ['starting', 'running'] as const) {
    await fixtures(t.db)
      .updateTable('build')
      .set({ source_state: state })
      .where('id', '=', begun)
      .execute()
    const page = await (await t.ask(`/status/${state}/`)).text()
    assert.match(page, new RegExp(`>${begun}</a>`))
    assert.match(
      page,
      state === 'running' ? /Starting 0<[^]*Running 1</ : /Starting 1<[^]*Running 0</,
    )
  }
  const page = await (await t.ask('/status/importing/')).text()
  assert.match(page, new RegExp(`>${imported}</a>`))
  assert.match(page, /Pending 1<[^]*Importing 1</)
})
