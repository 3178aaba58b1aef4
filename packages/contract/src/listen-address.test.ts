import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, isWildcard, urlHost } from './listen-address.ts'

for (const [host, loopback, wildcard, inUrl] of [
  ['127.0.0.1', true, false, '127.0.0.1'],
  ['127.9.9.9', true, false, '127.9.9.9'],
  ['localhost', true, false, 'localhost'],
  ['::1', true, false, '[::1]'],
  ['[::1]', true, false, '[::1]'],
  ['0.0.0.0', false, true, '0.0.0.0'],
  ['::', false, true, '[::]'],
  ['0:0:0:0:0:0:0:0', false, true, '[0:0:0:0:0:0:0:0]'],
  ['10.1.2.3', false, false, '10.1.2.3'],
  ['::ffff:127.0.0.1', true, false, '[::ffff:127.0.0.1]'],
  ['fe80::1', false, false, '[fe80::1]'],
  ['build.example.org', false, false, 'build.example.org'],
] as const)
  test(`${host} is ${loopback ? '' : 'not '}loopback, ${wildcard ? '' : 'not '}a wildcard, and ${inUrl} in a URL`, () =>
    assert.deepEqual(
      { loopback: isLoopback(host), wildcard: isWildcard(host), inUrl: urlHost(host) },
      { loopback, wildcard, inUrl },
    ))
