import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { COMMON_OPTIONS } from './common-options.ts'
import { archesOf, PoolsFile } from './pools-file.ts'
import { PROVIDER_POOLS } from './provider-options.ts'

const COMMANDS = { cmd_new: 'new', cmd_delete: 'delete' }
const faults = (file: unknown): string => {
  const parsed = PoolsFile.safeParse(file)
  return parsed.success ? '' : z.prettifyError(parsed.error)
}

test('docs/pools.md names every key of every pool', () => {
  const doc = readFileSync(new URL('../../../../docs/pools.md', import.meta.url), 'utf8')
  const keys = [
    ...Object.keys(COMMON_OPTIONS),
    ...PROVIDER_POOLS.flatMap((pool) => Object.keys(pool.shape)),
  ]
  assert.deepEqual(
    [...new Set(keys)].filter((key) => !doc.includes(`\`${key}\``)),
    [],
  )
})

test("resalloc's pools.yaml is accepted unchanged, with architectures derived from tags", () => {
  const file = PoolsFile.parse({
    copr_hv: {
      ...COMMANDS,
      max: 20,
      max_starting: 4,
      tags: [
        'copr_builder',
        'arch_noarch',
        { name: 'arch_x86_64', priority: 5 },
        'arch_i386_emulated',
      ],
    },
  })
  const pool = file['copr_hv']
  assert.ok(pool)
  assert.equal(pool.provider, 'command')
  assert.deepEqual(archesOf(pool), ['x86_64', 'i386'])
})

test('invalid pools are refused with readable messages', () => {
  const arches = ['x86_64']
  assert.match(faults({ p: COMMANDS }), /No architecture.*p\.arches/s)
  assert.match(faults({ p: { ...COMMANDS, arches, max: -1 } }), /max/)
  assert.match(faults({ p: { ...COMMANDS, arches, maks: 1 } }), /maks/)
  assert.match(faults({ 'p q': { ...COMMANDS, arches } }), /p q/)
  const tags = {
    p: { ...COMMANDS, arches, tags: ['x'] },
    q: { ...COMMANDS, arches, tags_on_demand: ['x'] },
  }
  assert.match(faults(tags), /on demand in one pool and not in another/)
})
