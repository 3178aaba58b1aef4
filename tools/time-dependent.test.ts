import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '@copr/process/run'
import { timeDependentTests } from './time-dependent.ts'

const SOURCE = `import { setTimeout as sleep } from 'node:timers/promises'

const now = () => new Date()

async function settle(): Promise<void> {
  await pause()
}

async function pause(): Promise<void> {
  await sleep(1)
}

test('waits by a function of a function', async () => {
  await settle()
})

test('compares values', () => {
  assert.ok([1].every((each) => each > 0), String(now()))
})

for (const [what, act] of TABLE)
  test(\`a (\${what}) is killed\`, { skip }, async () => {
    child.kill('SIGKILL')
  })
`

test('timeDependentTests() finds timers and processes that a test uses directly or through functions in the same file', () => {
  const { tests, is_whole } = timeDependentTests(SOURCE)
  assert.deepEqual(
    tests.map(({ title, reasons }) => [title, reasons]),
    [
      ['waits by a function of a function', ['timer']],
      ['a (${what}) is killed', ['process']],
    ],
  )
  assert.equal(is_whole, false)
  assert.match('a (manager) is killed', tests[1]?.pattern ?? /^$/)
  assert.doesNotMatch('a manager is killed', tests[1]?.pattern ?? /^$/)
})

test('timeDependentTests() attributes code outside of tests to every test', () => {
  const source = `const server = createServer()\nserver.closeAllConnections()\n\ntest('a', () => {})\n`
  const { tests, is_whole } = timeDependentTests(source)
  assert.deepEqual(tests[0]?.reasons, ['broken connection'])
  assert.equal(is_whole, true)
})

test('test-steady runs the time-dependent tests, and reports how often and with which error each of them failed', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-steady-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const path = join(dir, 'sample.test.ts')
  const count = `const runs = Number(readFileSync('${dir}/runs', 'utf8')) + 1`
  writeFileSync(join(dir, 'runs'), '0')
  writeFileSync(
    path,
    `import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'

test('fails the second time', async () => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  ${count}
  writeFileSync('${dir}/runs', String(runs))
  if (runs === 2) throw new Error('too late')
})

test('does not wait', () => {
  throw new Error('is not run')
})
`,
  )
  const program = fileURLToPath(new URL('test-steady.ts', import.meta.url))
  const args = [program, '--run', '3', '--busy', '1', '--concurrency', '1', path]
  // The test runner refuses to run inside a test; it detects this by an environment variable.
  const env = { COPR_TEST_POSTGRES: process.env['COPR_TEST_POSTGRES'] ?? '' }
  const ended = await run(process.execPath, args, { env })
  assert.equal(ended.ok, false)
  assert.match(ended.output, /3\/3 .*sample\.test\.ts run 3, 1 failed/)
  assert.match(ended.output, /fails the second time: 2 passed, 1 failed\n +Error: too late/)
  assert.doesNotMatch(ended.output, /is not run/)
})
