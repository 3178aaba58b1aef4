import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scenarioTitles } from './upstream/feature-names.ts'
import { outcomesOfReport } from './upstream/junit-report.ts'
import { committedList, readList } from './upstream/list.ts'
import { isEnough, judge, type Outcome, renderTable, unlisted } from './upstream/outcomes.ts'
import { readReport } from './upstream/run-features.ts'
import { readResults } from './upstream/run-scripts.ts'
import { assertionLines } from './upstream/shell-names.ts'
import { dnsAnswer } from './upstream/stand-ins/dns-answer.ts'

const BEAKERLIB = fileURLToPath(new URL('upstream/client/beakerlib.sh', import.meta.url))

test('readList() reads names and reasons, and rejects malformed lines', () => {
  assert.deepEqual(readList('# comment\napi\ta::b\nshell\tx.sh:3\tneeds the moon\n'), [
    { suite: 'api', name: 'a::b' },
    { suite: 'shell', name: 'x.sh:3', reason: 'needs the moon' },
  ])
  assert.throws(() => readList('apo\ta::b\n'), /"apo\\ta::b" is not SUITE, NAME, REASON/)
  assert.throws(() => readList('api\n'), /is not SUITE/)
})

test('the committed list contains each test once, and excludes at most a tenth of the tests', () => {
  const list = committedList()
  assert.equal(new Set(list.map(({ suite, name }) => `${suite} ${name}`)).size, list.length)
  const excluded = list.filter(({ reason }) => reason !== undefined)
  assert.ok(excluded.length * 10 <= list.length, `${excluded.length} of ${list.length}`)
})

test('judge() accepts a test only if it ran and each of its runs passed', () => {
  const list = readList('shell\ta:1\nshell\ta:2\nshell\ta:3\nshell\ta:4\ttoo big\n')
  const outcomes: Outcome[] = [
    { suite: 'shell', name: 'a:1', holds: true, text: '' },
    { suite: 'shell', name: 'a:2', holds: true, text: '' },
    { suite: 'shell', name: 'a:2', holds: false, text: 'ls (expected 0, got 1)' },
    { suite: 'shell', name: 'a:4', holds: false, text: '' },
    { suite: 'shell', name: 'b:1', holds: true, text: '' },
  ]
  const verdicts = judge(list, outcomes)
  assert.deepEqual(
    verdicts.map(({ verdict }) => verdict),
    ['holds', 'fails', 'did not run', 'does not count'],
  )
  assert.deepEqual(unlisted(list, outcomes), ['shell b:1'])
  const table = renderTable(verdicts)
  assert.match(table, /^\| shell a \| 1 \| 1 \| 1 \| 3 \| 33\.3 \| 1 \|$/m)
  assert.match(table, /^shell a:2: fails ls \(expected 0, got 1\)$/m)
})

test('isEnough() requires 95 % of the tests that count to pass', () => {
  const verdicts = (holding: number, of: number) =>
    judge(
      Array.from({ length: of }, (_, index) => ({ suite: 'api' as const, name: String(index) })),
      Array.from({ length: of }, (_, index) => ({
        suite: 'api' as const,
        name: String(index),
        holds: index < holding,
        text: '',
      })),
    )
  assert.equal(isEnough(verdicts(95, 100)), true)
  assert.equal(isEnough(verdicts(94, 100)), false)
  assert.equal(isEnough([]), false)
})

test('assertionLines() finds assertions and calls of helpers, but neither comments nor continuation lines', () => {
  const script = String.raw`
source helpers
  rlRun "true"
  # rlRun "false"
  rlAssertEquals \
    rlRun \
    1
setup_checks
rlLog rlRun
cleanProject "x" \
`
  assert.deepEqual(assertionLines(script), [3, 5, 8, 10])
})

test('scenarioTitles() returns the titles of the scenarios in a feature', () => {
  assert.deepEqual(scenarioTitles('Feature: A\n\n  Scenario: One thing \n  Scenario: Two\n'), [
    'One thing',
    'Two',
  ])
})

test('readReport() reads the scenarios in a report of behave', () => {
  const elements = [
    { type: 'background', name: 'B', status: 'passed' },
    { type: 'scenario', name: 'One', status: 'passed' },
    { type: 'scenario', name: 'Two', status: 'failed' },
  ]
  const report = JSON.stringify([{ location: 'features/a.feature:2', elements }])
  assert.deepEqual(
    readReport(report).map(({ name, holds }) => [name, holds]),
    [
      ['a.feature: One', true],
      ['a.feature: Two', false],
    ],
  )
})

test('outcomesOfReport() reads names, failures and errors in a report of pytest', () => {
  const xml = `<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="coprs_frontend.tests.test_apiv3.test_a.TestA" name="test_x[1-&quot;a&quot;]" time="1" />
<testcase classname="tests.test_apiv3.test_a.TestA" name="test_y" time="1"><failure message="assert 1 &lt; 0&#10;no">long</failure></testcase>
<testcase classname="tests.test_apiv3.test_a.TestA" name="test_z" time="1"><error message="E">long</error></testcase>
</testsuite></testsuites>`
  assert.deepEqual(
    outcomesOfReport(xml).map(({ name, holds, text }) => [name, holds, text]),
    [
      ['test_apiv3/test_a.py::TestA::test_x[1-"a"]', true, ''],
      ['test_apiv3/test_a.py::TestA::test_y', false, 'assert 1 < 0 no'],
      ['test_apiv3/test_a.py::TestA::test_z', false, 'E'],
    ],
  )
})

test('dnsAnswer() returns an address only for known hosts and queries of type A', () => {
  const query = (name: string, type: number): Buffer => {
    const labels = name
      .split('.')
      .map((label) => Buffer.from([label.length, ...Buffer.from(label)]))
    const head = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    return Buffer.concat([head, ...labels, Buffer.from([0, 0, type, 0, 1])])
  }
  const hosts = new Set(['git.example.org'])
  const ask = (name: string, type: number): Buffer =>
    dnsAnswer(query(name, type), hosts, '192.0.2.7')
  const known = ask('Git.example.org', 1)
  assert.equal(known.readUInt16BE(0), 0x1234)
  assert.equal(known.readUInt16BE(2), 0x8180)
  assert.deepEqual([...known.subarray(-4)], [192, 0, 2, 7])
  assert.equal(ask('git.example.org', 28).readUInt16BE(6), 0)
  assert.equal(ask('other.example.org', 1).readUInt16BE(2) & 15, 3)
})

test('beakerlib.sh reports each assertion, including those in helpers, with its line in the script', () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-beakerlib-'))
  try {
    writeFileSync(join(dir, 'helpers'), 'help() { rlRun true; }\n')
    const script = `. ${BEAKERLIB}
. ${join(dir, 'helpers')}
rlRun "exit_with_3" 3 || true
rlRun "false" 0,1
help
rlAssertEquals "numbers" 1 2
rlAssertEquals "one is missing" 1
rlAssertGreater "more" 2 1
rlRun -s "echo Created builds: 7"
rlAssertGrep "builds: 7" "$rlRun_LOG"
echo "$__INTERNAL_PHASES_WORST_RESULT"
`.replace('exit_with_3', '(exit 3)')
    writeFileSync(join(dir, 'script.sh'), script)
    const results = join(dir, 'results')
    const output = execFileSync('bash', [join(dir, 'script.sh')], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], UPSTREAM_TESTS: dir, UPSTREAM_RESULTS: results },
    })
    assert.match(output, /\nFAIL\n$/)
    assert.deepEqual(
      readResults(readFileSync(results, 'utf8')).map(({ name, holds }) => [name, holds]),
      [
        ['script.sh:3', true],
        ['script.sh:4', true],
        ['script.sh:5', true],
        ['script.sh:6', false],
        ['script.sh:7', false],
        ['script.sh:8', true],
        ['script.sh:9', true],
        ['script.sh:10', true],
      ],
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
})
