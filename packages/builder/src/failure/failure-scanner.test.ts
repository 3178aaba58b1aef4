import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FailureCategory, FailureDetails } from '@copr/contract/failure'
import { FailureScanner } from './failure-scanner.ts'

/** Returns what the scanner finds in a log that it receives in chunks of `chunk` characters. */
function detailsOf(
  log: string,
  { chunk = 7, ...known }: { chunk?: number; category?: FailureCategory } = {},
): FailureDetails {
  const scanner = new FailureScanner()
  for (let at = 0; at < log.length; at += chunk) scanner.write(log.slice(at, at + chunk))
  return FailureDetails.parse({ ...scanner.details(known), log: 'builder-live.log' })
}

const BEGIN = 'Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.1\n+ umask 022\n'
const END = `error: Bad exit status from /var/tmp/rpm-tmp.1 (%build)

RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.1 (%build)
`
const GCC = "hello.c:3:5: error: 'x' undeclared\n"
const built = (text: string): string => `${BEGIN}${text}${END}`

test('the first error in the failed section is found, with the lines around it', () => {
  const details = detailsOf(
    built(`+ make\ngcc -O2 -c hello.c\n${GCC}    3 | x\nmake: *** [hello.o] Error 1\n`),
  )
  assert.equal(details.category, 'compile')
  assert.equal(details.section, '%build')
  assert.equal(details.line, 5)
  assert.equal(details.excerpt?.first_line, 2)
  assert.equal(details.excerpt?.lines[3], GCC.trimEnd())
  assert.equal(details.excerpt?.lines[5], 'make: *** [hello.o] Error 1')
})

test('only the newest sections are kept in memory, because a build can print the beginnings of any number of sections', () => {
  const sections = (count: number): string =>
    Array.from(
      { length: count },
      (_, i) => `Executing(%${'x'.repeat(i + 1)}): /bin/sh -e x\n`,
    ).join('')
  const after = (count: number): number | null =>
    detailsOf(BEGIN + GCC + sections(count) + END).line
  assert.equal(after(30), 3)
  assert.notEqual(after(40), 3)
})

test('errors in sections that succeeded do not count', () => {
  const prep = 'Executing(%prep): /bin/sh -e x\nHunk #1 FAILED at 1.\n'
  const details = detailsOf(prep + built(GCC))
  assert.deepEqual([details.category, details.line], ['compile', 5])
})

test('an error that make ignores does not count', () => {
  const details = detailsOf(
    built(`a.c:1:1: error: ignored\nmake: [Makefile:3: all] Error 1 (ignored)\n${GCC}`),
  )
  assert.equal(details.line, 5)
})

test('an error from a nested rpmbuild that a section ran does not count', () => {
  const inner = `Executing(%prep): /bin/sh\nerror: Bad exit status from /var/tmp/rpm-tmp.2 (%prep)\n`
  const details = detailsOf(`${BEGIN}${GCC}${inner}${END}`)
  assert.deepEqual([details.section, details.line], ['%build', 3])
})

test("rpm's messages and errors are found in the middle of a line, and despite color codes", () => {
  const colored =
    '\u001B[01m\u001B[Khello.c:3:5:\u001B[m\u001B[K \u001B[01;31m\u001B[Kerror: \u001B[m\u001B[Kno\n'
  const details = detailsOf(`+ sleep 1${BEGIN}${colored}+ sleep 1${END}`)
  assert.deepEqual([details.category, details.section, details.line], ['compile', '%build', 3])
  assert.equal(details.excerpt?.lines[2], 'hello.c:3:5: error: no')
})

test('if no known error is found, the last line of the section is shown', () => {
  const details = detailsOf(built('+ test -f generated\n\n'))
  assert.deepEqual([details.category, details.line], ['compile', 3])
})

test('a failure whose category the builder already knows is located at the last line of the log', () => {
  const details = detailsOf(`${BEGIN}+ sleep 1000\n`, { category: 'timeout' })
  assert.deepEqual([details.category, details.section, details.line], ['timeout', '%build', 3])
})

test('the last exception in a chain of tracebacks counts', () => {
  const traceback =
    'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    raise\n'
  const details = detailsOf(
    built(
      `${traceback}KeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n${traceback}ValueError: y\n`,
    ),
  )
  assert.equal(details.line, 13)
})

test('the failure details of an empty log contain neither a line number nor an excerpt', () => {
  const details = detailsOf('')
  assert.deepEqual(
    [details.category, details.line, details.excerpt],
    ['infrastructure', null, null],
  )
})

test('control characters in build output do not reach the page', () => {
  const details = detailsOf(built('hello.c:1:1: error: \u202E\0\u001B[2Jx\uD800 \u009B1m\n'))
  assert.equal(details.line, 3)
})

test('an error is found even after a very long line', () => {
  const details = detailsOf(built(`${'x'.repeat(300_000)}\n${GCC}`), { chunk: 10_000 })
  assert.equal(details.line, 4)
  assert.equal(details.excerpt?.lines[2]?.length, 300)
})

/** Lines that are expensive for patterns that backtrack. */
const HOSTILE = [
  ...'a:/ ([{.-\'"`=<>0#*|_%\\~eE'.split('').map((char) => char.repeat(800)),
  ...[
    '::',
    ': ',
    '1:',
    'a.',
    'a/',
    '1, ',
    ' - ',
    '../',
    'error: ',
    'x:1:1: ',
    '%{a}',
    'FAILED ',
    "'a' ",
    '- a',
    '...',
    '=+ ',
    'a(b',
    'Error in ',
    '\\d+:',
    'E   ',
    'https://',
    '[   12s] ',
  ].map((text) => text.repeat(400)),
]
const PREFIXES = [
  '',
  'error: ',
  'E   ',
  '[ERROR] ',
  'CMake Error at ',
  'configure: error: ',
  '/a.sh: line 1: ',
  'FAIL ',
  '1/2 Test #1: ',
  'make: *** ',
  'cp: ',
  'Problem: ',
  'meson.build:1:1: ERROR: ',
  'tar: ',
  "error: 'a.h",
  '    Tests run: 1, ',
]

test('a log with lines that are slow to match is scanned to its end', () => {
  const lines = HOSTILE.flatMap((text) => PREFIXES.map((prefix) => `${prefix}${text} failed`))
  const log = `${BEGIN}${lines.join('\n')}\n${GCC}`.replaceAll('+ umask 022\n', '')
  const details = detailsOf(`${log}${END}`, { chunk: 4096 })
  assert.equal(details.section, '%build')
})
