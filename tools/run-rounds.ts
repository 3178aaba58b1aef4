import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { TimeDependentFile } from './time-dependent.ts'

/** A file that takes longer than this is considered to hang. */
const TIMEOUT_MS = 15 * 60_000
const REPEAT = fileURLToPath(new URL('repeat-tests.ts', import.meta.url))

interface TestTally {
  passed: number
  skipped: number
  failed: number
  /** The error text of the first failure. */
  failure?: string
}

export interface FileTally {
  runs: number
  seconds: number
  /** By title, in the order in which the tests first finished. */
  tests: Map<string, TestTally>
}

export interface Rounds {
  rounds: number
  /** How many times each process runs a file. */
  batch: number
  /** Number of test files that run concurrently. */
  concurrency: number
  stop: AbortSignal
  /** Called after each run of a file. */
  onRun: (path: string, tally: FileTally) => void
}

/** Runs the time-dependent tests of each file `rounds` times, with the files shuffled anew for each batch. */
export async function runRounds(
  files: TimeDependentFile[],
  { rounds, batch, concurrency, stop, onRun }: Rounds,
): Promise<Map<string, FileTally>> {
  const tallies = new Map<string, FileTally>(
    files.map(({ path }) => [path, { runs: 0, seconds: 0, tests: new Map() }]),
  )
  const batches = Array.from({ length: Math.ceil(rounds / batch) }, (_, at) =>
    shuffled(files).map((file) => ({ file, times: Math.min(batch, rounds - at * batch) })),
  )
  const due = batches.flat().values()
  const worker = async (): Promise<void> => {
    for (const { file, times } of due) {
      if (stop.aborted) return
      const tally = tallies.get(file.path)
      if (!tally) continue
      await runFile(file, { tally, times, signal: stop })
      onRun(file.path, tally)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return tallies
}

async function runFile(
  file: TimeDependentFile,
  { tally, times, signal }: { tally: FileTally; times: number; signal: AbortSignal },
): Promise<void> {
  const began = performance.now()
  let ran = 0
  const once = { files: [file.path] }
  const repeated = { files: [REPEAT], argv: [file.path, String(times)] }
  const source = times === 1 ? once : repeated
  const options = { ...source, isolation: 'process' as const, timeout: TIMEOUT_MS, signal }
  const patterns = file.is_whole
    ? {}
    : { testNamePatterns: file.tests.map(({ pattern }) => pattern) }
  for await (const event of run({ ...options, ...patterns })) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { name, details, skip } = event.data
    if (details.type === 'suite') continue
    ran++
    const failure = event.type === 'test:fail' ? event.data.details.error : undefined
    // Skips the failure that merely says that subtests failed, because the subtests themselves are counted.
    if (failure?.failureType === 'subtestsFailed' || signal.aborted) continue
    const outcome = failure ? 'failed' : skip === undefined ? 'passed' : 'skipped'
    note(tally, name, outcome, failure && textOf(failure))
  }
  if (signal.aborted) return
  if (ran === 0) note(tally, file.path, 'failed', 'No test of the file has a title that was found')
  tally.runs += times
  tally.seconds += (performance.now() - began) / 1000
}

function note(
  { tests }: FileTally,
  title: string,
  outcome: 'passed' | 'skipped' | 'failed',
  failure?: string,
): void {
  const test = tests.get(title) ?? { passed: 0, skipped: 0, failed: 0 }
  test[outcome]++
  if (failure !== undefined) test.failure ??= failure
  tests.set(title, test)
}

function textOf({ cause, message }: Error): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : message
}

function shuffled<T>(all: T[]): T[] {
  const keyed = all.map((each) => [Math.random(), each] as const)
  return keyed.toSorted(([a], [b]) => a - b).map(([, each]) => each)
}

/** Prints for each test how often it passed and the text of its first failure. Returns false if any test failed. */
export function printTallies(tallies: Map<string, FileTally>): boolean {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  let isSteady = true
  for (const [path, { runs, seconds, tests }] of tallies) {
    write(`${path}: ${runs} runs of ${(seconds / runs).toFixed(1)} s`)
    for (const [title, { passed, skipped, failed, failure }] of tests) {
      if (failed > 0) isSteady = false
      const skips = skipped > 0 ? `, ${skipped} skipped` : ''
      write(`  ${title}: ${passed} passed${skips}, ${failed} failed`)
      if (failure !== undefined) write(failure.replaceAll(/^/gm, '      '))
    }
  }
  return isSteady
}

/** Checks between calculations whether the parent is still running, because a parent that has been killed cannot stop its children. */
const BUSY = `for (const parent = process.ppid; process.ppid === parent;) for (let i = 0; i < 1e8; i++);`

/** Keeps this many cores busy until the returned object is disposed of. */
export function busyCores(count = availableParallelism()): Disposable {
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, ['--eval', BUSY], { stdio: 'ignore' }),
  )
  return { [Symbol.dispose]: () => children.forEach((child) => void child.kill('SIGKILL')) }
}
