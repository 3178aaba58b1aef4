import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '@copr/process/run'

const script = (name: string): string => fileURLToPath(new URL(`machine/${name}`, import.meta.url))

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-scripts-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(
    join(dir, 'boot.env'),
    "ENROLL_SECONDS='600'\nSILENCE_SECONDS='120'\nLIFETIME_SECONDS='3600'\n",
  )
  return dir
}

for (const [what, up, contact, ends] of [
  ['waits for the enrollment', 599, undefined, undefined],
  ['powers off without an enrollment', 600, undefined, 'not enrolled within 600 seconds'],
  ['keeps the machine after a contact', 1000, '900.55', undefined],
  ['powers off after a silence', 1020, '900.55', 'no contact for 120 seconds'],
  ['powers off at the maximum age', 3600, '3599.00', 'older than 3600 seconds'],
] as const)
  test(`the dead man's switch outside the agent ${what}`, async (t) => {
    const dir = scratch(t)
    if (contact !== undefined) writeFileSync(join(dir, 'contact'), `${contact}\n`)
    const off = join(dir, 'off')
    const env = { COPR_BOOT_ENV: join(dir, 'boot.env') }
    const looked = await run('/bin/sh', [script('dead-man.sh'), dir, String(up), 'touch', off], {
      env,
    })
    assert.ok(looked.ok, looked.output)
    assert.equal(existsSync(off), ends !== undefined)
    if (ends !== undefined) assert.match(looked.output, new RegExp(ends))
  })

test("EC2's interruption notice is written to a file for the agent", async (t) => {
  const dir = scratch(t)
  const asked: string[] = []
  let looks = 0
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const session = request.headers['x-aws-ec2-metadata-token']
    if (request.method === 'PUT') return void response.end('session-1')
    // The first request for the notice gets a 404.
    if (session !== 'session-1' || ++looks === 1) response.statusCode = session ? 404 : 401
    response.end('{"action":"terminate","time":"2026-11-25T10:00:00Z"}')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const watched = await run('/bin/sh', [script('interruption.sh'), dir, url, '0.05'], {
    timeout_ms: 120_000,
  })
  assert.ok(watched.ok, watched.output)
  assert.match(readFileSync(join(dir, 'interrupted'), 'utf8'), /terminate/)
  // Duplicates are ignored: a request that times out because the test machine is busy is retried with a new token.
  const look = 'GET /latest/meta-data/spot/instance-action'
  assert.deepEqual([...new Set(asked)], ['PUT /latest/api/token', look])
  assert.ok(looks >= 2)
  for (const [at, each] of asked.entries())
    if (each === look) assert.equal(asked[at - 1], 'PUT /latest/api/token')
})
