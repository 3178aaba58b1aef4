import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { coprctl } from '../coprctl.ts'

test('`dev up` in a cluster without builds suggests an alternative, and changes nothing', async () => {
  const asked: string[] = []
  const server = createServer((from, to) => {
    asked.push(`${from.method} ${from.url}`)
    to.end(JSON.stringify({ groups: [{ name: 'apps' }] }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-dev-'))
  try {
    const kubeconfig = join(dir, 'kubeconfig')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const cluster = { server: url, 'insecure-skip-tls-verify': true }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'dana', user: { token: 'x' } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'dana' } }],
    }
    writeFileSync(kubeconfig, JSON.stringify(config))
    let said = ''
    const code = await coprctl(['dev', 'up', '--kubeconfig', kubeconfig], {
      env: {},
      stdin: (async function* () {})(),
      stdout: { write: () => undefined },
      stderr: { write: (text: string) => (said += text) },
    })
    assert.equal(code, 1)
    assert.match(
      said,
      /^coprctl: Cannot build in the cluster at .*: it has no builds.*\n {4}try: images\.registry in vars\.yml/,
    )
    assert.deepEqual(asked, ['GET /apis'])
  } finally {
    server.close()
    rmSync(dir, { recursive: true })
  }
})
