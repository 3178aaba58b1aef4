import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { run } from '@copr/process/run'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

const password = 'of this test only'

function temporaryFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-embedded-postgres-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('startEmbeddedPostgres() reports that a port is in use, and refuses data of another PostgreSQL version', async (t) => {
  const dir = join(temporaryFolder(t), 'postgres')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  await assert.rejects(startEmbeddedPostgres({ dir, password, port }), {
    message:
      'Cannot start PostgreSQL: it exited with code 1: could not bind IPv4 address "127.0.0.1": Address already in use',
  })
  // The folder now contains a complete cluster; this makes it look as if a later version had created it.
  writeFileSync(join(dir, 'data/PG_VERSION'), '99\n')
  await assert.rejects(
    startEmbeddedPostgres({ dir, password }),
    /^Error: Cannot start PostgreSQL: \S+ was created by PostgreSQL 99, but this release of Copr includes another version; run the release that created it, or restore/,
  )
})

const skip = process.getuid?.() === 0 ? false : 'needs root, to mount a small file system'

/**
 * Starts PostgreSQL on a tmpfs in a child process; returns the child's output: the error message, and the names of files that were left
 * behind.
 */
async function startOn(dir: string, mountOptions: string): Promise<string> {
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(import.meta.resolve('./embedded-postgres.ts'))})
const { existsSync } = await import('node:fs')
const dir = ${JSON.stringify(dir)} + '/postgres'
await startEmbeddedPostgres({ dir, password: 'x' }).then(
  async (server) => { await server[Symbol.asyncDispose](); console.log('it started') },
  (error) => console.log(error.message))
for (const name of ['data', 'data.new', 'password']) if (existsSync(dir + '/' + name)) console.log('left: ' + name)`
  const small = 'mount -t tmpfs -o "$2" tmpfs "$1"; shift 2; exec "$@"'
  const prefix = ['--mount', '--propagation', 'private', 'sh', '-c', small, 'sh', dir, mountOptions]
  const node = [process.execPath, '--input-type=module', '-e', script]
  const ran = await run('unshare', [...prefix, ...node], { timeout_ms: 60_000 })
  assert.ok(ran.ok, ran.output)
  return ran.output.trim()
}

for (const mountOptions of ['size=10m', 'size=1g,nr_inodes=300'])
  test(
    `if the disk fills up while the cluster is created (${mountOptions}), no partial cluster is left behind`,
    {
      skip,
    },
    async (t) =>
      assert.match(
        await startOn(temporaryFolder(t), mountOptions),
        /^Cannot create the database: initdb failed: could not .*: No space left on device$/,
      ),
  )
