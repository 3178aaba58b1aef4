import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { allowsPrivateUrls, Configuration } from './configuration.ts'

const GUIDE = new URL('../../../docs/administrator-guide.md', import.meta.url)

const Schema = z.object({ properties: z.record(z.string(), z.unknown()).optional() })

/** `limits.token_days`, for each key that holds a value. */
function keysOf(schema: unknown, prefix = ''): string[] {
  const { properties } = Schema.parse(schema)
  if (!properties) return [prefix]
  return Object.entries(properties).flatMap(([name, member]) =>
    keysOf(member, prefix === '' ? name : `${prefix}.${name}`),
  )
}

test('the administrator guide names every key, and no other', () => {
  const section = readFileSync(GUIDE, 'utf8').split('\n## Configuration\n')[1]?.split('\n## ')[0]
  const documented = [...(section ?? '').matchAll(/^\| `([a-z0-9_.]+)`/gm)].map(([, key]) => key)
  const known = keysOf(z.toJSONSchema(Configuration, { io: 'input' }))
  assert.deepEqual(new Set(documented), new Set(known))
})

for (const [host, public_url, configured, allowed] of [
  ['127.0.0.1', 'http://localhost:5000', undefined, true],
  ['::1', 'http://[::1]:5000', undefined, true],
  ['127.0.0.1', 'http://localhost:5000', false, false],
  // A reverse proxy on this machine lets others in.
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
