import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

const skip = process.getuid?.() === 0 ? false : 'mounting in a namespace needs root'

test(
  'startEmbeddedPostgres() does not stop a process whose working directory has the same path in another mount namespace',
  {
    skip,
  },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'copr-postgres-'))
    // Mounts another folder at the same path, as happens in a container.
    const data = join(dir, 'data')
    mkdirSync(data)
    const script = 'mount -t tmpfs tmpfs "$0" && cd "$0" && echo there && exec sleep infinity'
    const args = ['--mount', '--propagation', 'private', 'sh', '-c', script, data]
    const other = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(other.stdout, 'data')
      await using _server = await startEmbeddedPostgres({ dir, password: 'test', unsafe: true })
      assert.equal(other.exitCode, null)
      assert.equal(other.signalCode, null)
    } finally {
      other.kill('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    }
  },
)

test('startEmbeddedPostgres() stops the server that an earlier process left running in the folder', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-postgres-'))
  try {
    await (
      await startEmbeddedPostgres({ dir, password: 'test', unsafe: true })
    )[Symbol.asyncDispose]()
    const left = spawn('sleep', ['infinity'], { cwd: join(dir, 'data'), stdio: 'ignore' })
    const ended = once(left, 'exit')
    await using _server = await startEmbeddedPostgres({ dir, password: 'test', unsafe: true })
    const [, signal] = (await ended) as [number | null, string | null]
    assert.equal(signal, 'SIGKILL')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
