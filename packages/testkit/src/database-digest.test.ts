import { createUser } from '@copr/domain/users/user-queries'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, tablesOf } from './database-digest.ts'
import { openTestDb } from './postgres.ts'

const NOW = new Date('2026-11-22T12:00:00Z')

test('digestOf() changes if and only if a row of the tables changes', async () => {
  await using test = await openTestDb()
  const { db } = test
  const tables = await tablesOf(db)
  const others = await tablesOf(db, ['user_account'])
  assert.ok(tables.length > 20 && others.length === tables.length - 1)
  const user = await createUser(db, { username: 'dana', now: NOW })
  const before = await digestOf(db, tables)
  const others_before = await digestOf(db, others)
  assert.match(before, /^[0-9a-f]{64}$/)
  assert.equal(await digestOf(db, tables), before)
  const setAdmin = (is_admin: boolean) =>
    db.updateTable('user_account').set({ is_admin }).where('id', '=', user.id).execute()
  await setAdmin(true)
  assert.notEqual(await digestOf(db, tables), before)
  assert.equal(await digestOf(db, others), others_before)
  await setAdmin(false)
  assert.equal(await digestOf(db, tables), before)
})
