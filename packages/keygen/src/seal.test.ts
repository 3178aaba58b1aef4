import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { createMasterKey, readMasterKey } from './master-key/master-key-file.ts'
import { seal, unseal } from './seal.ts'
import { scratchFolder } from './testing.ts'

test('unseal() opens a sealed secret only with the same key and context', () => {
  const [key, other] = [randomBytes(32), randomBytes(32)]
  const sealed = seal(key, 'here', Buffer.from('secret'))
  assert.equal(unseal(key, 'here', sealed).toString(), 'secret')
  assert.equal(sealed.includes('secret'), false)
  assert.throws(() => unseal(other, 'here', sealed), /another master key/)
  assert.throws(() => unseal(key, 'there', sealed), /another master key, or altered/)
  for (const place of [1, 13, sealed.length - 1]) {
    const altered = Buffer.from(sealed)
    altered[place] = (altered[place] ?? 0) ^ 1
    assert.throws(() => unseal(key, 'here', altered), /altered/)
  }
  assert.throws(() => unseal(key, 'here', sealed.subarray(0, 20)))
  assert.throws(() => unseal(key, 'here', Buffer.alloc(0)))
})

test('createMasterKey() makes a private file once, and readMasterKey() reads it', async () => {
  await using folder = await scratchFolder()
  const path = join(folder.path, 'master.key')
  assert.equal(await readMasterKey(path), undefined)
  const key = await createMasterKey(path)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual(await readMasterKey(path), key)
  await assert.rejects(createMasterKey(path), { code: 'EEXIST' })
  assert.deepEqual(await readFile(path), key)
})

test('readMasterKey() accepts base64, and refuses a short or world-readable key', async () => {
  await using folder = await scratchFolder()
  const path = join(folder.path, 'master.key')
  const key = randomBytes(32)
  await writeFile(path, `${key.toString('base64')}\n`, { mode: 0o600 })
  assert.deepEqual(await readMasterKey(path), key)
  await chmod(path, 0o644)
  await assert.rejects(readMasterKey(path), /must not be readable by others/)
  await chmod(path, 0o600)
  await writeFile(path, 'short')
  await assert.rejects(readMasterKey(path), /32 random bytes/)
})
