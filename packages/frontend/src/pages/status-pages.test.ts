import assert from 'node:assert/strict'
import { test } from 'node:test'
import { link } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

test('/status/pending/ lists what waits, a source package first of all', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const page = await (await t.ask('/status/pending/')).text()
  assert.match(page, new RegExp(`>${id}</a>[^]*dana/telescope[^]*source package`))
  assert.match(page, /Pending 1</)
  assert.match(await (await t.ask('/status/running/')).text(), /No task is running now/)
})

test('/status/ leads to what is pending; other words are not found', async () => {
  await using t = await openTestFrontend()
  assert.equal((await t.ask('/status/')).headers.get('location'), '/status/pending/')
  assert.equal((await t.ask('/status/nothing/')).status, 404)
})

test('/status/pending/?after= goes on where the page before ended', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await link(t)
  const { id } = await t.db.selectFrom('task').select('id').executeTakeFirstOrThrow()
  assert.match(await (await t.ask(`/status/pending/?after=${id}`)).text(), /No task is pending/)
})
