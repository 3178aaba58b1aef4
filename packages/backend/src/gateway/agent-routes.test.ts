import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { COMPILE_CACHE } from '@copr/testkit/compile-cache'
import { agentRoutes } from './agent-routes.ts'

const digestOf = (bytes: ArrayBuffer): string =>
  createHash('sha256').update(Buffer.from(bytes)).digest('hex')

const app = agentRoutes()
const { sha256, nodes } = (await (await app.request('/')).json()) as {
  sha256: string
  nodes: { arch: string; sha256: string }[]
}

test('the agent bundle matches its digest, and runs from the folder into which it was unpacked', async () => {
  const response = await app.request(`/${sha256}`)
  const bytes = await response.arrayBuffer()
  assert.equal(digestOf(bytes), sha256)
  const dir = mkdtempSync(join(tmpdir(), 'copr-agent-'))
  try {
    const root = join(dir, 'agent')
    mkdirSync(root)
    await runOrThrow('tar', ['--extract', '--gzip', '--directory', root], {
      input: new Uint8Array(bytes),
    })
    const files = (await runOrThrow('find', [root, '-type', 'f'])).split('\n')
    const surplus = /\.test\.|\/testing\/|\/hono\/|http-server|keygen|\/agent-bundle\.ts/
    assert.deepEqual(
      files.filter((file) => surplus.test(file)),
      [],
    )
    const main = join(root, 'packages/builder/src/main.ts')
    const started = await run(process.execPath, [main, join(dir, 'no-such-file')])
    assert.equal(started.ok, false)
    assert.match(started.output, /Cannot read .*no-such-file/)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('another process creates a bundle with identical bytes', async () => {
  const script = `
    import { agentBundle } from '${import.meta.resolve('@copr/agent/bundle/agent-bundle')}'
    console.log((await agentBundle()).sha256)`
  const other = await runOrThrow(process.execPath, ['--input-type=module', '--eval', script], {
    env: COMPILE_CACHE,
  })
  assert.equal(other.trim(), sha256)
})

test("a Node for the backend's own architecture can be downloaded", async () => {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const node = nodes.find((each) => each.arch === arch)
  assert.ok(node, `no Node for ${arch}`)
  const response = await app.request(`/${node.sha256}`)
  assert.equal(digestOf(await response.arrayBuffer()), node.sha256)
})

test('a request for the digest of another version gets 404', async () => {
  assert.equal((await app.request(`/${'0'.repeat(64)}`)).status, 404)
})
