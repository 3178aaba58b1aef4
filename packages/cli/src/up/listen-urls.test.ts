import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Configuration } from '@copr/contract/configuration'
import { automaticUrl, givenUrl, openTo, privateNetworkWarning } from './listen-urls.ts'

function configuration(host: string, more: object = {}): Configuration {
  return Configuration.parse({
    public_url: 'http://localhost:5000',
    listen: { host, port: 5000 },
    data_dir: '/data',
    database_url: 'postgres://copr@127.0.0.1/copr',
    keygen: { url: 'http://127.0.0.1:1' },
    ...more,
  })
}

for (const [host, url] of [
  ['127.0.0.1', 'http://127.0.0.1:5000'],
  ['127.0.0.2', 'http://127.0.0.2:5000'],
  ['0.0.0.0', 'http://127.0.0.1:5000'],
  ['::', 'http://[::1]:5000'],
  ['::1', 'http://[::1]:5000'],
  ['[::1]', 'http://[::1]:5000'],
  ['10.0.0.7', 'http://10.0.0.7:5000'],
] as const)
  test(`--host ${host} is reached at ${url}`, () => {
    assert.equal(automaticUrl({ host, port: 5000 }), url)
    const again = configuration(host, { public_url: url })
    assert.equal(givenUrl(again), undefined, 'the next start must follow its own options')
  })

test('givenUrl() treats the previous default http://localhost:PORT as unset', () => {
  assert.equal(givenUrl(configuration('0.0.0.0')), undefined)
  const other = configuration('127.0.0.1', { public_url: 'http://localhost:8080' })
  assert.equal(givenUrl(other), 'http://localhost:8080')
})

test('openTo() reports who can connect to the system, unless only this machine can', () => {
  assert.deepEqual(openTo({ host: '127.0.0.1', port: 5000 }), [])
  assert.deepEqual(openTo({ host: '::1', port: 5000 }), [])
  const [all = '', proxy = '', ...more] = openTo({ host: '::', port: 5000 })
  assert.match(
    all,
    /^Open to everybody who can reach an address of this machine, port 5000, in plain HTTP: passwords/,
  )
  assert.match(proxy, /^Put a reverse proxy with TLS in front/)
  assert.deepEqual(more, [])
  assert.match(openTo({ host: 'fd00::7', port: 5000 })[0] ?? '', /can reach \[fd00::7\]:5000/)
})

test('privateNetworkWarning() warns if builds may reach private addresses and others can use the system', () => {
  const allowed = { allow_private_urls: true }
  assert.deepEqual(privateNetworkWarning(configuration('127.0.0.1', allowed)), [])
  assert.deepEqual(privateNetworkWarning(configuration('10.0.0.7')), [])
  assert.match(
    privateNetworkWarning(configuration('10.0.0.7', allowed)).join(),
    /allow_private_urls in \/data\/copr\.yaml/,
  )
  const listed = { allow_private_urls: ['10.20.0.0/16'] }
  assert.match(
    privateNetworkWarning(configuration('fd00::7', listed)).join(),
    /fetch from 10\.20\.0\.0\/16: allow_private_urls/,
  )
  const none = { allow_private_urls: [] }
  assert.deepEqual(privateNetworkWarning(configuration('fd00::7', none)), [])
})
