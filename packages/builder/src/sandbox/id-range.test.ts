import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { idsOfContainer, isMapped, takeIdRange } from './id-range.ts'

const inContainer = idsOfContainer(readFileSync('/proc/self/uid_map', 'utf8'))
const skip =
  process.getuid?.() !== 0
    ? 'needs root: locks are in /run'
    : inContainer === undefined
      ? false
      : 'this container has a user namespace of its own'

test(
  'takeIdRange() returns ranges that do not overlap, and reuses a range only after its release',
  { skip },
  async () => {
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeIdRange()))
    const firsts = taken.map(({ first }) => first)
    assert.equal(new Set(firsts).size, 20)
    for (const { first, count } of taken) {
      assert.ok(isMapped({ first, count }))
      assert.equal(count, 65_535)
      assert.equal(first % 65_536, 0)
      assert.ok(first >= 0x7000_0000 && first + count <= 0x8000_0000)
    }
    for (const one of taken) await one[Symbol.asyncDispose]()
  },
)

test('idsOfContainer() distinguishes the initial user namespace from that of a container', () => {
  assert.equal(idsOfContainer('         0          0 4294967295\n'), undefined)
  assert.equal(idsOfContainer('         0     100000      65536\n'), 65_536)
  assert.equal(
    idsOfContainer('         0       1000          1\n         1     100000      65536\n'),
    1,
  )
})
