import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { Configuration } from './configuration.ts'

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
