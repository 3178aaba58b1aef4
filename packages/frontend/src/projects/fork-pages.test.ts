import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

const FORK = '/coprs/dana/telescope/fork/'

test('any authenticated user can fork a project on its page', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const kim = await browse(t, 'kim')
  assert.match((await kim.get('/coprs/dana/telescope/')).text, /\/fork\/"/)
  const form = await kim.get(FORK)
  assert.match(form.text, /value="telescope"/)
  const fields = { name: 'binoculars', ownername: 'kim' }
  const { status, location } = await kim.post(FORK, fields, FORK)
  assert.deepEqual([status, location], [303, '/coprs/kim/binoculars/'])
  const page = (await kim.get('/coprs/kim/binoculars/')).text
  assert.match(page, /still being copied/)
  assert.match(page, /Forked from <a href="\/coprs\/dana\/telescope\/"/)
  await t.db.updateTable('action').set({ ended_at: t.frontend.now() }).execute()
  assert.doesNotMatch((await kim.get('/coprs/kim/binoculars/')).text, /still being copied/)
  const again = await kim.post(FORK, fields, FORK)
  assert.equal(again.status, 400)
  assert.match(again.text, /already has a project named binoculars/)
})

test('regenerating repositories on the page requires the right to edit', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const page = '/coprs/dana/telescope/'
  assert.doesNotMatch((await (await browse(t, 'kim')).get(page)).text, /Regenerate/)
  const dana = await browse(t, 'dana')
  assert.match((await dana.get(page)).text, /Regenerate/)
  assert.equal((await dana.post(`${page}createrepo/`, {}, page)).status, 303)
  const { count } = await t.db
    .selectFrom('audit_log')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('action', '=', 'project.regenerate')
    .executeTakeFirstOrThrow()
  assert.equal(count, 1)
})
