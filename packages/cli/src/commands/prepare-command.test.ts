import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { userOfLoginLink } from '@copr/domain/logins/login-links'
import { openTestCli } from '../testing.ts'

const NOW = new Date()
const HOUR_MS = 3_600_000

test("coprctl prepare stores a deployment's login link, given only the link's hash", async () => {
  await using cli = await openTestCli()
  const hash = createHash('sha256').update('the secret').digest('hex')
  const args = ['prepare', '--administrator-link', hash]
  const expires = new Date(NOW.getTime() + HOUR_MS).toISOString()
  // Runs twice, as in a pod that is restarted.
  for (let time = 0; time < 2; time++)
    assert.equal((await cli.run([...args, '--expires', expires])).code, 0)
  const user = await userOfLoginLink(cli.db, 'the secret', NOW)
  assert.equal(user?.username, 'admin')
  assert.equal(user.is_admin, true)
})

test('`coprctl prepare` does not store an expired link', async () => {
  await using cli = await openTestCli()
  const hash = createHash('sha256').update('the secret').digest('hex')
  const expires = new Date(NOW.getTime() - HOUR_MS).toISOString()
  await cli.run(['prepare', '--administrator-link', hash, '--expires', expires])
  assert.equal(await userOfLoginLink(cli.db, 'the secret', NOW), undefined)
})
