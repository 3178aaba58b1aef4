import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingPrograms } from '@copr/testkit/system/requirements'
import { downloadPackages, readInstalled } from './debian-packages.ts'

const path = process.env['PATH'] ?? ''
const missing = missingPrograms(path, ['dpkg', 'dpkg-query'])
const skip = missing.length > 0 ? `needs ${missing.join(', ')}` : false

const STATES = {
  installed: 'install ok installed',
  triggered: 'install ok triggers-pending',
  triggering: 'install ok triggers-awaited',
  removed: 'deinstall ok config-files',
  unpacking: 'install reinstreq half-installed',
}

test(
  'readInstalled() includes packages with pending triggers, as during another installation',
  { skip },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'copr-dpkg-'))
    t.after(() => {
      process.env['PATH'] = path
      rmSync(dir, { recursive: true })
    })
    for (const name of ['updates', 'info', 'triggers']) mkdirSync(join(dir, name))
    const entries = Object.entries(STATES).map(([name, status]) => {
      const trigger = {
        triggered: 'Triggers-Pending: ldconfig\n',
        triggering: 'Triggers-Awaited: triggered\n',
      }[name]
      return `Package: ${name}\nStatus: ${status}\nArchitecture: all\nVersion: 1\nMaintainer: x <x@y>\nDescription: x\n${trigger ?? ''}`
    })
    writeFileSync(join(dir, 'status'), entries.join('\n'))
    writeFileSync(join(dir, 'available'), '')
    const real = `PATH=${path} exec dpkg-query --admindir=${dir} "$@"`
    writeFileSync(join(dir, 'dpkg-query'), `#!/bin/sh\n${real}\n`, { mode: 0o755 })
    process.env['PATH'] = `${dir}:${path}`
    assert.deepEqual([...(await readInstalled()).keys()].toSorted(), [
      'installed',
      'triggered',
      'triggering',
    ])
  },
)

test('downloadPackages() reports an unknown package with the line that names it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-apt-'))
  t.after(() => {
    process.env['PATH'] = path
    rmSync(dir, { recursive: true })
  })
  // Prints the one package that it knows, and fails, like the real apt-cache when it does not know all packages.
  const cache = `#!/bin/sh\nprintf 'Package: known\\n'; exit 100\n`
  writeFileSync(join(dir, 'apt-cache'), cache, { mode: 0o755 })
  writeFileSync(join(dir, 'apt-get'), '#!/bin/sh\n', { mode: 0o755 })
  process.env['PATH'] = `${dir}:${path}`
  const wanted = [
    { names: ['known'], line: 'line 1 of own.list' },
    { names: ['misspelled', 'older'], line: 'line 2 of own.list' },
  ]
  await assert.rejects(downloadPackages(wanted, { cacheDir: dir }), {
    kind: 'unavailable',
    message: /^Cannot find the Debian package misspelled or older \(line 2 of own\.list\): apt /,
  })
})
