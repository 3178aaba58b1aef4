import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { allowsPrivateUrls } from '@copr/contract/configuration'
import { makeFileLog } from '@copr/process/log'
import { layout, prepareDataDir } from './data-dir.ts'

const options = { port: 5000, host: '0.0.0.0', public_url: undefined, builders: 1 }

test('prepareDataDir() keeps secrets and a public URL that was set explicitly, but adapts a default URL to a new port', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-data-dir-'))
  try {
    const paths = layout(dir)
    const first = await prepareDataDir(paths, options)
    assert.equal(first.config.public_url, 'http://127.0.0.1:5000')
    assert.equal(statSync(paths.config).mode & 0o777, 0o600)
    const moved = await prepareDataDir(paths, { ...options, port: 5001 })
    assert.equal(moved.config.public_url, 'http://127.0.0.1:5001')
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

test('prepareDataDir() makes logs and uploads private, including those of earlier starts', async () => {
  const top = mkdtempSync(join(tmpdir(), 'copr-data-dir-'))
  const umask = process.umask(0o022)
  try {
    const paths = layout(join(top, 'data'))
    mkdirSync(paths.logs, { recursive: true })
    writeFileSync(join(paths.logs, 'copr.log'), 'secret', { mode: 0o644 })
    await prepareDataDir(paths, options)
    const modeOf = (...path: string[]): number => statSync(join(paths.dir, ...path)).mode & 0o777
    for (const dir of ['logs', 'uploads', 'staging']) assert.equal(modeOf(dir), 0o700, dir)
    assert.equal(modeOf('logs', 'copr.log'), 0o600)
    makeFileLog('x', join(paths.logs, 'new.log')).info('x')
    assert.equal(modeOf('logs', 'new.log'), 0o600)
    const fresh = layout(join(top, 'fresh'))
    await prepareDataDir(fresh, options)
    assert.equal(statSync(fresh.dir).mode & 0o777, 0o711)
  } finally {
    process.umask(umask)
    rmSync(top, { recursive: true, force: true })
  }
})

test('prepareDataDir() does not set allow_private_urls, and keeps a configured value', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-data-dir-'))
  try {
    const paths = layout(dir)
    const first = await prepareDataDir(paths, { ...options, host: '127.0.0.1' })
    assert.equal(first.config.allow_private_urls, undefined)
    assert.equal(allowsPrivateUrls(first.config), true)
    const opened = await prepareDataDir(paths, options)
    assert.equal(allowsPrivateUrls(opened.config), false)
    appendFileSync(paths.config, 'allow_private_urls: true\n')
    const allowed = await prepareDataDir(paths, options)
    assert.equal(allowsPrivateUrls(allowed.config), true)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('prepareDataDir() keeps an internal URL that was set for builders on other machines, but adapts a default URL to a new host', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-data-dir-'))
  try {
    const paths = layout(dir)
    const internalUrl = async (host: string): Promise<string | undefined> =>
      (await prepareDataDir(paths, { ...options, host })).config.internal_url
    assert.equal(await internalUrl('10.0.0.7'), 'http://10.0.0.7:5000')
    assert.equal(await internalUrl('::1'), 'http://[::1]:5000')
    const text = readFileSync(paths.config, 'utf8')
    const elsewhere = text.replace(/^internal_url: .*$/m, 'internal_url: http://10.0.0.9:5000')
    writeFileSync(paths.config, elsewhere)
    assert.equal(await internalUrl('0.0.0.0'), 'http://10.0.0.9:5000')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
