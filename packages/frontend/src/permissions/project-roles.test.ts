import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { finish, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

const BASE = '/coprs/dana/telescope'

test('a user requests a role on the page, and the owner grants it', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const kim = await browse(t, 'kim')
  const dana = await browse(t, 'dana')
  const page = `${BASE}/permissions/`
  const asked = await kim.post(`${BASE}/permissions_applier_change/`, { builder: 'yes' }, page)
  assert.equal(asked.status, 303)
  assert.match((await kim.get(page)).text, /<em>\(requested\)/)
  assert.match((await dana.get(page)).text, /kim<\/a>[^]*selected>\s*requested/)
  const given = { username: 'kim', builder: 'approved' }
  assert.equal((await dana.post(`${BASE}/update_permissions/`, given, page)).status, 303)
  assert.match((await kim.get(page)).text, /\(approved\)/)
  assert.equal((await kim.post(`${BASE}/update_permissions/`, given, page)).status, 403)
  const unknown = { username: 'nobody', builder: 'approved' }
  assert.equal((await dana.post(`${BASE}/update_permissions/`, unknown, page)).status, 400)
})

test('the integrations page requires the right to edit, and shows webhook URLs once there is a secret', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const page = `${BASE}/integrations/`
  assert.equal((await (await browse(t, 'kim')).get(page)).status, 403)
  const dana = await browse(t, 'dana')
  assert.doesNotMatch((await dana.get(page)).text, /webhooks\/github/)
  assert.equal((await dana.post(`${BASE}/integrations/new_secret/`, {}, page)).status, 303)
  const { webhook_secret } = await t.db
    .selectFrom('project')
    .select('webhook_secret')
    .executeTakeFirstOrThrow()
  assert.ok((await dana.get(page)).text.includes(`/webhooks/github/1/${webhook_secret}/`))
})

test('the monitor shows each package in each chroot', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const anybody = await browse(t, 'kim')
  assert.match((await anybody.get(`${BASE}/monitor/`)).text, /Nothing built yet/)
  const { id } = await upload(t, { chroots: ['fedora-43-x86_64'] })
  await finish(t, id)
  assert.match(
    (await anybody.get(`${BASE}/monitor/`)).text,
    /fedora-43-x86_64[^]*hello<\/a>[^]*succeeded/,
  )
  assert.equal((await anybody.get(`${BASE}/monitor/?dirname=telescope:pr:9`)).status, 404)
})
