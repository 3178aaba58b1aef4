import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { layout, prepareDataDir } from './data-dir.ts'

const options = { port: 5000, host: '0.0.0.0', public_url: undefined, builders: 1 }

test('prepareDataDir() keeps secrets and the address it was given, and follows a new port otherwise', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-data-dir-'))
  try {
    const paths = layout(dir)
    const first = await prepareDataDir(paths, options)
    assert.equal(first.config.public_url, 'http://localhost:5000')
    assert.equal(statSync(paths.config).mode & 0o777, 0o600)
    const moved = await prepareDataDir(paths, { ...options, port: 5001 })
    assert.equal(moved.config.public_url, 'http://localhost:5001')
    assert.equal(moved.config.keygen.secret, first.config.keygen.secret)
    const named = await prepareDataDir(paths, {
      ...options,
      public_url: 'http://build.example.org',
    })
    assert.equal(named.config.public_url, 'http://build.example.org')
    const later = await prepareDataDir(paths, { ...options, port: 5002 })
    assert.equal(later.config.public_url, 'http://build.example.org')
    assert.equal(later.config.listen.port, 5002)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
