import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import type { RunOutcome } from '@copr/process/run'
import type { Step } from '../../packages/cli/src/up/progress.ts'
import { until } from '../../packages/testkit/src/system/until.ts'
import { CLONE, type Trial } from './trial.ts'

const READY_FILE = '/tmp/copr-ready.json'
const PID_FILE = '/tmp/copr-up.pid'
/** The first start downloads the packages of a distribution. */
const START_MS = 1_200_000
/** `make up` promises to stop within 10 s, but a busy machine takes longer. */
const STOP_MS = 120_000

/** A `make up` that is ready for use. */
export interface RunningUp {
  url: string
  /** The entire output so far. */
  output(): string
  /** The steps that `make up` has printed, each with its duration in seconds. */
  steps(): string[]
  /** Sends SIGINT, as Ctrl-C does. Fails if any process is left, or any mount other than those in `mounts`, which existed before. */
  stop(mounts: string[]): Promise<void>
}

/** Runs `make up` and waits until it is ready. */
export async function startUp(
  { entered, signal, log }: Trial,
  { port, logName, shown }: { port: number; logName: string; shown: Step },
): Promise<RunningUp> {
  const append = log(logName)
  let output = ''
  const onOutput = (chunk: Buffer): void => {
    append(chunk)
    output += chunk.toString()
    shown.detail(output.trimEnd().split('\n').at(-1)?.trim() ?? '')
  }
  // The shell leads a process group, like a shell in a terminal; SIGINT is sent to that group.
  const script = `echo $$ >${PID_FILE}; exec make up "ARGS=--port ${port} --ready-file ${READY_FILE}"`
  let outcome: RunOutcome | undefined
  const ended = entered
    .run(['sh', '-c', script], { cwd: CLONE, signal, onOutput })
    .then((result) => (outcome = result))
  // The ready file is written as soon as all components respond; the line is printed only after the example has been installed, too.
  const isReady = (): boolean =>
    /^Ready after /m.test(output) && existsSync(entered.onHost(READY_FILE))
  await until(() => outcome !== undefined || isReady(), {
    timeout_ms: START_MS,
    what: 'make up to be ready',
  })
  if (outcome !== undefined)
    throw new Error(
      `make up ended before it was ready, exit code ${outcome.ok ? 0 : outcome.exit_code}`,
    )
  const { url } = JSON.parse(readFileSync(entered.onHost(READY_FILE), 'utf8')) as { url: string }
  return {
    url,
    output: () => output,
    steps: () => output.split('\n').filter((line) => /^\s*[✓✗] |^Ready after/.test(line)),
    stop: async (mounts) => {
      const pid = readFileSync(entered.onHost(PID_FILE), 'utf8').trim()
      // A bare root contains no program that sends signals, but its shell can send them.
      await entered.run(['sh', '-c', `kill -INT -${pid}`])
      await until(() => outcome !== undefined, { timeout_ms: STOP_MS, what: 'make up to end' })
      await ended
      assert.ok(
        output.includes('Stopped. All data is in '),
        'make up does not say that it has stopped',
      )
      // The kernel takes a moment to clean up after a killed process, for example to remove its namespaces.
      await until(() => entered.processes().length === 0, {
        timeout_ms: STOP_MS,
        what: 'all processes of make up to be gone',
        seen: () => entered.processes(),
      })
      assert.deepEqual(entered.mounts(), mounts, 'make up left mounts behind')
      assert.ok(!existsSync(entered.onHost(READY_FILE)), 'the ready file is still there')
      await assert.rejects(fetch(url), 'something still answers at the port')
    },
  }
}
