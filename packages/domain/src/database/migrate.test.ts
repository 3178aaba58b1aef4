import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { migrate } from './migrate.ts'

test('migrate() leaves a current database as it is', async () => {
  await using t = await openTestDb()
  assert.deepEqual(await migrate(t.url), { applied: [] })
})

test('schema.ts is what the migrations make', () => {
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
