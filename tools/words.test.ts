import assert from 'node:assert/strict'
import { test } from 'node:test'
import { privateWords } from './words.ts'

for (const [text, use] of [
  ['const app = oneDoor(apps)', 'reverse proxy'],
  ['class ScriptWorld {}', 'fixture'],
  [
    '  /** Of the task that runs. */',
    'a sentence with a subject, or a noun phrase that stands alone',
  ],
  [
    ' * Who has lost it asks again.',
    'a sentence with a subject, or a noun phrase that stands alone',
  ],
  ['# What is left is removed.', 'a sentence with a subject, or a noun phrase that stands alone'],
] as const)
  test(`privateWords() finds the private word in: ${text.trim()}`, () =>
    assert.deepEqual(
      privateWords('a.ts', `first\n${text}`).map((finding) => [finding.line, finding.use]),
      [[2, use]],
    ))

test('privateWords() also checks file names', () =>
  assert.equal(privateWords('src/machine-care.ts', '')[0]?.line, 0))

for (const text of ['/** Renews the lease. */', '  // Often enough.', "'hello world'", 'software'])
  test(`privateWords() accepts: ${text}`, () => assert.deepEqual(privateWords('a.ts', text), []))
