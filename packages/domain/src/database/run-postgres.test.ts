import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '@copr/process/log'
import { runPostgres } from './run-postgres.ts'

test('runPostgres() does not touch data of another PostgreSQL version', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-postgres-'))
  execFileSync('mkdir', [join(dir, 'data')])
  writeFileSync(join(dir, 'data', 'PG_VERSION'), '9\n')
  const tls = { certificate_file: join(dir, 'a'), key_file: join(dir, 'b') }
  const options = { dir, port: 1, password: 'x', tls, memory_bytes: 1, log: silentLog() }
  await assert.rejects(runPostgres({ ...options, stop: new AbortController().signal }), {
    message: /has data of version 9, which was not changed/,
  })
  assert.equal(readFileSync(join(dir, 'data', 'PG_VERSION'), 'utf8'), '9\n')
  rmSync(dir, { recursive: true })
})
