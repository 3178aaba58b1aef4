import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { httpGet } from './http-get.ts'

test('httpGet() connects to the addresses that it is given, whatever the name means', async (t) => {
  const server = createServer((request, response) => response.end(request.headers.host)).listen(
    0,
    '127.0.0.1',
  )
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  const addresses = [{ address: '127.0.0.1', family: 4 }]
  const { signal } = new AbortController()
  const response = await httpGet(new URL(`http://copr.invalid:${port}/`), { addresses, signal })
  assert.equal(response.status, 200)
  assert.equal(await response.text(), `copr.invalid:${port}`)
})
