import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, runOrThrow } from '../packages/process/src/run.ts'
import { groupFiles, isGroupable } from './test-groups.ts'

const GROUP_TESTS = join(import.meta.dirname, 'group-tests.ts')
const PLAIN = "test('a', () => undefined)\n"
const STATEFUL: Record<string, string> = {
  environment: "process.env['HOME'] = '/'",
  'working directory': "process.chdir('/')",
  'exit code': 'process.exitCode = 1',
  signals: "process.once('SIGTERM', stop)",
  mocks: "mock.timers.enable({ apis: ['Date'] })",
  globals: 'globalThis.fetch = fake',
  'hooks of all tests': 'beforeEach(() => reset())',
}

for (const [what, line] of Object.entries(STATEFUL))
  test(`a test file with code for the ${what} runs in a process of its own`, () => {
    assert.ok(isGroupable({ path: 'a.test.ts', source: PLAIN }))
    assert.ok(!isGroupable({ path: 'a.test.ts', source: `${line}\n${PLAIN}` }))
  })

test('every test file is in exactly one group, and each group contains only files of the same package', () => {
  const of = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => `packages/${name}/src/t${i}.test.ts`)
  const stateful = 'packages/one/src/stateful.test.ts'
  const files = [...of('one', 25), ...of('two', 3), stateful, 'tools/a.test.ts', 'tools/b.test.ts']
  const source = (path: string) => (path === stateful ? 'process.chdir(dir)' : PLAIN)
  const groups = groupFiles(files.map((path) => ({ path, source: source(path) })))
  assert.deepEqual(groups.flat().toSorted(), files.toSorted())
  assert.deepEqual(
    groups.map((group) => group.length).toSorted((a, b) => a - b),
    [1, 2, 3, 8, 8, 9],
  )
  for (const group of groups)
    assert.equal(new Set(group.map((path) => path.replace(/\/[^/]+\.test\.ts$/, ''))).size, 1)
})

test('a group reports each test of its files, and names the files that fail or cannot be loaded', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-groups-'))
  try {
    const import_test = "import { test } from 'node:test'\n"
    const sources = {
      good: `${import_test}test('is good', () => undefined)\n`,
      bad: `${import_test}test('is bad', () => { throw new Error('as expected') })\n`,
      broken: "import './no-such-file.ts'\n",
    }
    for (const [name, source] of Object.entries(sources))
      writeFileSync(join(dir, `${name}.test.mjs`), source)
    const args = [GROUP_TESTS, dir, join(dir, '*.test.mjs')]
    const printed = (await runOrThrow(process.execPath, args)).trim().split('\n')
    assert.deepEqual(printed, [join(dir, 'group-1.mjs')])
    const ended = await run(process.execPath, ['--test', '--test-reporter=spec', ...printed])
    assert.ok(!ended.ok)
    assert.match(ended.output, /ℹ pass 1\nℹ fail 2\n/)
    assert.match(ended.output, /test at .*bad\.test\.mjs:2:1/)
    assert.match(ended.output, /✖ \S*\/broken\.test\.mjs/)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('a glob that matches no test file is refused', async () => {
  const ended = await run(process.execPath, [GROUP_TESTS, tmpdir(), 'no-such-folder/*.test.ts'])
  assert.ok(!ended.ok)
  assert.match(ended.output, /nothing matches no-such-folder/)
})
