import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStart, stampLines } from '../bench/first-start/steps.ts'
import { renderTable } from '../bench/first-start/table.ts'

const OUTPUT: [number, string][] = [
  [200, 'Installing system packages: rpm dnf\n'],
  [30_200, 'Installing npm packages\n'],
  [46_200, 'Copr 1.0, data in /root/copr/.copr\n'],
  [47_000, '  ✓ this machine                                0.3 s\n  ✓ Postg'],
  [49_000, 'reSQL                                   2.0 s\n'],
  [52_000, '  · mini distribution …\n'],
  [62_000, '  ✓ mini distribution: 137 packages made       13.0 s\n'],
  [63_200, 'Ready after 17.0 s: http://localhost:5000\n'],
]

function startOf(output: [number, string][]) {
  let clock = 0
  const lines = stampLines(() => clock)
  for (const [at, text] of output) {
    clock = at
    lines.add(text)
  }
  return readStart(lines.stamped())
}

test('readStart() derives the durations of the first steps from the times of their output, and reads the other durations in the output', () => {
  const { seconds, steps } = startOf(OUTPUT)
  assert.equal(seconds, 63.2)
  assert.deepEqual(
    steps.map(({ title, seconds: each }) => `${title} ${each.toFixed(1)}`),
    [
      'make 0.2',
      'system packages 30.0',
      'npm packages 16.0',
      'this machine 0.3',
      'PostgreSQL 2.0',
      'mini distribution 13.0',
      'between steps 1.7',
    ],
  )
})

test('readStart() throws if the output is truncated', () => {
  assert.throws(() => startOf(OUTPUT.slice(0, -1)), /does not say when it was ready/)
})

test('renderTable() shows the minimum and the median of each step, and an empty cell for a missing step', () => {
  const start = (seconds: number, title: string) => ({ seconds, steps: [{ title, seconds: 1 }] })
  const rows = renderTable([
    { first: start(60, 'npm packages'), second: start(5, 'make') },
    { first: start(80, 'npm packages'), second: start(7, 'make') },
  ])
  assert.ok(rows.includes('| npm packages | 1.0 | 1.0 |  |  |'))
  assert.equal(rows.at(-1), '| **until ready** | 60.0 | 70.0 | 5.0 | 6.0 |')
})
