import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

test('the dnf command on the overview names the chroot if dnf’s copr plugin would not find it', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { name: 'radio', chroots: ['debian-12-x86_64'] })
  await addTelescope(t)
  const page = async (name: string): Promise<string> =>
    await (await t.ask(`/coprs/dana/${name}/`)).text()
  assert.match(await page('radio'), /dnf copr enable [^/]+\/dana\/radio debian-12-x86_64\n/)
  assert.match(await page('telescope'), /dnf copr enable [^/]+\/dana\/telescope\n/)
})
