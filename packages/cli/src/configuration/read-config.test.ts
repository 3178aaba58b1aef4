import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfigFile } from './read-config.ts'

function write(files: Record<string, string>): Disposable & { path(name: string): string } {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-config-'))
  const path = (name: string): string => join(dir, name)
  for (const [name, text] of Object.entries(files))
    writeFileSync(path(name), text.replaceAll('DIR', dir))
  return { path, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) }
}

const CONFIG = `public_url: https://copr.example.org
listen: {}
data_dir: DIR
database_url: postgres://copr@db.example.org:5432/copr?sslmode=verify-full
database_password: {from_file: DIR/password}
keygen:
  url: https://keygen.example.org:5003
  secret: {from_file: DIR/secret}
  master_key_file: DIR/key
`

test('readConfigFile() reads secrets from the files that the configuration names', () => {
  using files = write({
    'copr.yaml': CONFIG,
    password: 'a/b@c:d\n',
    secret: '0123456789abcdef\n',
  })
  const config = readConfigFile(files.path('copr.yaml'))
  assert.equal(
    config.database_url,
    'postgres://copr:a%2Fb%40c%3Ad@db.example.org:5432/copr?sslmode=verify-full',
  )
  assert.equal(config.database_password, undefined)
  assert.equal(config.keygen.secret, '0123456789abcdef')
})

test('readConfigFile() names a missing file', () => {
  using files = write({ 'copr.yaml': CONFIG, password: 'x' })
  assert.throws(() => readConfigFile(files.path('copr.yaml')), {
    message: /^Cannot read the configuration file .*copr\.yaml: .*secret/,
  })
})
