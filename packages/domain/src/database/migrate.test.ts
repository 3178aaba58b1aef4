import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { sql } from 'kysely'
import { migrate } from './migrate.ts'

test('migrate() does not change a database that is up to date', async () => {
  await using t = await openTestDb()
  assert.deepEqual(await migrate(t.url), { applied: [] })
})

test('schema.ts matches the schema that the migrations create', () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-schema-test-'))
  try {
    const root = new URL('../../../../', import.meta.url)
    execFileSync(process.execPath, ['tools/generate-schema.ts', join(dir, 'schema.ts')], {
      cwd: root,
    })
    const committed = readFileSync(new URL('./schema.ts', import.meta.url), 'utf8')
    assert.equal(readFileSync(join(dir, 'schema.ts'), 'utf8'), committed, 'run `make schema`')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('migrate() refuses the schema of a newer version if refuse_newer is set', async () => {
  await using t = await openTestDb()
  await sql`insert into schema_migration (name, sha256) values ('9999_later.sql', '0')`.execute(
    t.db,
  )
  assert.deepEqual(await migrate(t.url), { applied: [] })
  await assert.rejects(migrate(t.url, { refuse_newer: true }), {
    message:
      'Cannot use the database: a newer version has changed it (9999_later.sql is unknown to this version), and a downgrade is not possible; start that version, or restore a backup that this version made',
  })
})
