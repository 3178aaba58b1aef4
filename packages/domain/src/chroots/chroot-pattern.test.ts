import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chrootPattern } from './chroot-pattern.ts'

for (const [pattern, text, want] of [
  ['', '', true],
  ['', 'a', false],
  ['a*', 'a', true],
  ['*a', 'bab', false],
  ['*a*b*', 'xxaxbx', true],
  ['**ab', 'aab', true],
  ['*aab', 'aaab', true],
  ['a?c', 'abc', true],
  ['[ab-]*', '-x', true],
  ['[!ab]*', 'ax', false],
  ['.', 'a', false],
  ['a*b?', 'ab', false],
] as const)
  test(`chrootPattern(${pattern}) ${want ? 'matches' : 'does not match'} "${text}"`, () =>
    assert.equal(chrootPattern(pattern).test(text), want))

/** With these eight stars, a regular expression that backtracks would try some 10^20 ways to match. */
test('chrootPattern() with eight stars takes linear time for long text', { timeout: 20_000 }, () =>
  assert.equal(chrootPattern(`${'*a'.repeat(8)}b`).test('a'.repeat(20_000)), false),
)
