import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { finish, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const OF_PACKAGE = '/coprs/dana/telescope/package/hello/status_image/last_build.png'

async function badgeAt(
  t: TestFrontend,
  path: string,
): Promise<[string | undefined, string | null]> {
  const response = await t.ask(path)
  assert.equal(response.status, 200)
  const bytes = Buffer.from(await response.arrayBuffer())
  const name = ['succeeded', 'failed', 'in-progress', 'unknown', 'bad-url'].find((each) =>
    ['png', 'svg'].some((ending) =>
      readFileSync(new URL(`./images/${each}.${ending}`, import.meta.url)).equals(bytes),
    ),
  )
  return [name, response.headers.get('cache-control')]
}

test('the badge of a package shows the state of its latest build', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  assert.deepEqual(await badgeAt(t, OF_PACKAGE), ['bad-url', 'no-cache'])
  const { id } = await upload(t)
  assert.deepEqual(await badgeAt(t, OF_PACKAGE), ['in-progress', 'no-cache'])
  assert.deepEqual(await badgeAt(t, `/coprs/build/${id}/status_image.png`), [
    'in-progress',
    'no-cache',
  ])
  await finish(t, id)
  assert.deepEqual(await badgeAt(t, OF_PACKAGE), ['succeeded', 'no-cache'])
  assert.deepEqual(await badgeAt(t, `/coprs/build/${id}/status_image.svg`), [
    'succeeded',
    'public, max-age=300',
  ])
  await fixtures(t.db).updateTable('build').set({ state: 'canceled' }).execute()
  assert.deepEqual(await badgeAt(t, OF_PACKAGE), ['unknown', 'public, max-age=60'])
})

test('an unknown build has the badge `unknown`, and an unknown project has none', async () => {
  await using t = await openTestFrontend()
  assert.equal((await badgeAt(t, '/coprs/build/77/status_image.png'))[0], 'unknown')
  const response = await t.ask('/coprs/dana/none/package/a/status_image/last_build.png')
  assert.equal(response.status, 404)
})
