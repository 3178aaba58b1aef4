import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowsPrivateUrls } from './configuration.ts'

for (const [host, public_url, configured, allowed] of [
  ['127.0.0.1', 'http://localhost:5000', undefined, true],
  ['::1', 'http://[::1]:5000', undefined, true],
  ['127.0.0.1', 'http://localhost:5000', false, false],
  // The system listens on a loopback address, but has a public URL: a reverse proxy on this machine makes it available to users elsewhere.
  ['127.0.0.1', 'https://build.example.org', undefined, false],
  ['0.0.0.0', 'http://localhost:5000', undefined, false],
  ['::', 'http://localhost:5000', undefined, false],
  ['10.0.0.7', 'http://10.0.0.7:5000', undefined, false],
  ['0.0.0.0', 'http://localhost:5000', true, true],
] as const)
  test(`builders ${allowed ? 'may' : 'must not'} fetch from private addresses at ${host}, as ${public_url}, configured ${configured}`, () =>
    assert.equal(
      allowsPrivateUrls({
        listen: { host, port: 5000 },
        public_url,
        allow_private_urls: configured,
      }),
      allowed,
    ))
