import { audit } from '@copr/domain/audit/audit'
import { onTheWeb } from '@copr/domain/audit/actor'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { addTelescope, NOW, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

async function change(t: TestFrontend, as: 'dana' | 'kim', subject: string, project_id?: number) {
  const actor = { ...onTheWeb(t[as]), reason: 'because' }
  const details = { homepage: 'https://example.org/' }
  await audit(t.db, actor, { action: 'project.edit', project_id, subject, details }, NOW)
}

test('administrators see all changes, by user and by project', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await t.get<{ id: number }>('/api_3/project?ownername=dana&projectname=telescope')
  await change(t, 'dana', 'the telescope', id)
  await change(t, 'kim', 'something else')
  const admin = await browse(t, 'admin')
  const all = (await admin.get('/admin/audit/')).text
  assert.match(
    all,
    /something else[^]*the telescope[^]*homepage: https:\/\/example\.org\/[^]*because/,
  )
  assert.doesNotMatch((await admin.get('/admin/audit/?user=dana')).text, /something else/)
  assert.doesNotMatch((await admin.get('/admin/audit/?user=kim')).text, /the telescope/)
  const ofProject = (await admin.get('/admin/audit/?project=dana/telescope')).text
  assert.match(ofProject, /the telescope/)
  assert.doesNotMatch(ofProject, /something else/)
  assert.equal((await admin.get('/admin/audit/?project=nothing')).status, 404)
  assert.equal((await (await browse(t, 'dana')).get('/admin/audit/')).status, 403)
})

test('users see changes to projects that they may edit, and their own changes', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await t.get<{ id: number }>('/api_3/project?ownername=dana&projectname=telescope')
  await change(t, 'dana', 'the telescope', id)
  const page = '/coprs/dana/telescope/audit/'
  const dana = await browse(t, 'dana')
  assert.match((await dana.get('/coprs/dana/telescope/')).text, new RegExp(`href="${page}"`))
  assert.match((await dana.get(page)).text, /the telescope/)
  const kim = await browse(t, 'kim')
  assert.equal((await kim.get(page)).status, 403)
  assert.doesNotMatch((await kim.get('/coprs/dana/telescope/')).text, new RegExp(page))
  assert.match((await dana.get('/user/audit/')).text, /the telescope/)
  assert.doesNotMatch((await kim.get('/user/audit/')).text, /the telescope/)
})

test('a long list is continued on the next page', async () => {
  await using t = await openTestFrontend()
  for (let i = 1; i <= 51; i++) await change(t, 'kim', `change ${i}.`)
  const admin = await browse(t, 'admin')
  const { text } = await admin.get('/admin/audit/?user=kim')
  assert.doesNotMatch(text, /change 1\./)
  const next = /href="(\?user=kim&amp;before=\d+)"/.exec(text)?.[1]?.replace('&amp;', '&') ?? ''
  const rest = (await admin.get(`/admin/audit/${next}`)).text
  assert.match(rest, /change 1\./)
  assert.doesNotMatch(rest, /change 2\./)
})
