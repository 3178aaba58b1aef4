import { findProject } from '@copr/domain/projects/project-queries'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse } from '../testing/browse.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

const PROJECT = '/coprs/dana/telescope'

test('the settings page changes a project, and an unchecked box disables its setting', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { multilib: true, description: 'Old' })
  const dana = await browse(t, 'dana')
  const page = await dana.get(`${PROJECT}/edit/`)
  assert.match(page.text, /name="auto_prune"[^>]*disabled/)
  assert.match(page.text, /name="multilib"[^>]*value="true"[^>]*checked/)
  const sent = await dana.post(
    `${PROJECT}/update/`,
    { chroots: 'debian-12-x86_64', description: 'New', multilib: 'false', repo_priority: '7' },
    `${PROJECT}/edit/`,
  )
  assert.equal(sent.status, 303)
  const project = await findProject(t.db, 'dana', 'telescope')
  assert.deepEqual(
    [project?.description, project?.multilib, project?.repo_priority, project?.auto_prune],
    ['New', false, 7, true],
  )
  assert.equal((await (await browse(t, 'kim')).get(`${PROJECT}/edit/`)).status, 403)
})

test('the settings page shows errors', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const sent = await (await browse(t, 'dana')).post(`${PROJECT}/update/`, {}, `${PROJECT}/edit/`)
  assert.equal(sent.status, 400)
  assert.match(sent.text, /at least one chroot is required/)
})

test('the settings of a chroot can be changed on its page', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const dana = await browse(t, 'dana')
  const page = `${PROJECT}/edit_chroot/fedora-43-x86_64/`
  const send = (fields: Record<string, string>) =>
    dana.post(`${PROJECT}/update_chroot/fedora-43-x86_64/`, fields, page)
  assert.equal((await send({ additional_packages: 'gcc ccache', bootstrap: 'on' })).status, 303)
  assert.match((await dana.get(page)).text, /gcc\nccache<\/textarea>/)
  const wrong = await send({ additional_modules: 'nodejs' })
  assert.equal(wrong.status, 400)
  assert.match(wrong.text, /nodejs(&#39;|') must consist of two parts/)
})
