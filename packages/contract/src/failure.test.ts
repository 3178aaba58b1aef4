import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailureDetails, failureOutsideLogs, printableLine } from './failure.ts'

const DETAILS: FailureDetails = {
  category: 'compile',
  section: '%build',
  log: 'builder-live.log',
  line: 7,
  excerpt: { first_line: 6, lines: ['gcc -c hello.c', "hello.c:1:1: error: 'x' undeclared"] },
  hint: 'Fix it.',
}

test('FailureDetails accepts what builders send', () => {
  assert.deepEqual(FailureDetails.parse(DETAILS), DETAILS)
  const outside = failureOutsideLogs('verification')
  assert.deepEqual(FailureDetails.parse(outside), outside)
})

const excerptOf = (...lines: string[]) => ({ excerpt: { first_line: 1, lines } })
for (const [what, change] of Object.entries({
  'an unknown category': { category: 'bad luck' },
  'an unknown section': { section: 'x' },
  'another log': { log: '../secret' },
  'line 0': { line: 0 },
  'an escape sequence': excerptOf('\u001B[2J'),
  'a line break in a line': excerptOf('a\nb'),
  'NUL, which PostgreSQL cannot store': excerptOf('a\0b'),
  'half a character': excerptOf('a\uD800b'),
  'text that reverses its direction': { hint: 'a\u202Eb' },
  'a long line': excerptOf('x'.repeat(301)),
  'many lines': excerptOf(...Array.from({ length: 13 }, () => 'x')),
  'a long hint': { hint: 'x'.repeat(501) },
}))
  test(`FailureDetails refuses ${what}`, () =>
    assert.equal(FailureDetails.safeParse({ ...DETAILS, ...change }).success, false))

for (const [text, want] of [
  ['plain', 'plain'],
  ['\tint x;', '  int x;'],
  ['\u001B[31mred\0', '?[31mred?'],
  ['abc\u202Edef', 'abc?def'],
  [`${'x'.repeat(299)}😀`, `${'x'.repeat(299)}…`],
  ['y'.repeat(5000), `${'y'.repeat(299)}…`],
  ['\t'.repeat(300), `${' '.repeat(299)}…`],
] as const)
  test(`printableLine() makes ${JSON.stringify(text.slice(0, 20))} fit to be shown`, () => {
    const line = printableLine(text)
    assert.equal(line, want)
    FailureDetails.parse({ ...DETAILS, ...excerptOf(line) })
  })
