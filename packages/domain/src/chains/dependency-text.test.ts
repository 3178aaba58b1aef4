import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundedDependencies, operandsOf, overlap, parseDependency } from './dependency-text.ts'

for (const [offer, requirement, want] of [
  ['b = 2-1', 'b', true],
  ['b', 'b >= 2', true],
  ['b = 2-1', 'b >= 2', true],
  ['b = 2-1', 'b = 2', true],
  ['b = 2-1', 'b = 2-2', false],
  ['b = 1-9', 'b >= 2', false],
  ['b = 1:1-1', 'b > 2', true],
  ['b = 2-1', 'b < 2', false],
  ['b = 2-1', 'b <= 2', true],
  ['b = 1.9-1', 'b < 2', true],
  ['b >= 1', 'b >= 7', true],
  ['b <= 3', 'b > 3', false],
  ['b = 99999999999:1', 'b = 2', true],
] as const)
  test(`overlap() of ${offer} and ${requirement} is ${want}`, () => {
    assert.equal(overlap(parseDependency(offer), parseDependency(requirement)), want)
    assert.equal(overlap(parseDependency(requirement), parseDependency(offer)), want)
  })

test('operandsOf() returns the operands of a rich dependency, and nothing for a malformed one', () => {
  assert.deepEqual(
    operandsOf('(gcc >= 12 or clang)').map(({ name }) => name),
    ['gcc', 'clang'],
  )
  assert.deepEqual(operandsOf('(gcc or'), [])
})

test('boundedDependencies() keeps 500 of 100,000 dependencies, and at most 64 KiB', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => `dependency-${i}`)
  assert.equal(boundedDependencies(many).length, 500)
  assert.deepEqual(boundedDependencies(['a', 'a', '', 'x'.repeat(301), 'nul\0', 'b']), ['a', 'b'])
  const long = Array.from({ length: 1000 }, (_, i) => `${i}`.padStart(300, 'x'))
  assert.ok(boundedDependencies(long).join('').length <= 64 * 1024)
})
