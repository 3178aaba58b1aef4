import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '@copr/process/run'
import { summarizeTap } from './drills/tap.ts'

const TESTS = `import { test } from 'node:test'
test('passes with # and \\\\', () => {})
test('fails # loudly', () => { throw new Error('ok 9 - not a test') })
test('is skipped', { skip: 'needs # root' }, () => {})
test('has a note', (t) => t.diagnostic('Not tried, because: kvm'))
`

async function outputOf(text: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-tap-'))
  try {
    const file = join(dir, 'example.test.mjs')
    await writeFile(file, text)
    // Omits the variable that makes a test runner's child processes report to it.
    const env = { PATH: process.env['PATH'] ?? '' }
    return (await run(process.execPath, ['--test-reporter=tap', file], { env })).output
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

test("summarizeTap() counts the tests of node's TAP reporter, with reasons of skips", async () => {
  assert.deepEqual(summarizeTap(await outputOf(TESTS)), {
    passed: 2,
    failed: ['fails # loudly'],
    skipped: [{ title: 'is skipped', reason: 'needs # root' }],
    notes: ['Not tried, because: kvm'],
  })
})

test('summarizeTap() counts truncated output as a failure', async () => {
  const output = await outputOf(`${TESTS}process.kill(process.pid, 'SIGKILL')`)
  assert.ok(summarizeTap(output).failed.includes('the test file did not run to its end'))
  assert.deepEqual(summarizeTap('').failed, ['the test file did not run to its end'])
})
