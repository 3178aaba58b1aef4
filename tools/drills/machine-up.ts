import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunOutcome } from '@copr/process/run'
import type { Step } from '../../packages/cli/src/up/progress.ts'
import type { Machine } from '../machine/boot.ts'

/** The folder of the clone in the machine, as the README describes it. */
export const CLONE = '/root/copr'
const READY_FILE = '/tmp/copr-ready.json'
const PID_FILE = '/tmp/copr-up.pid'
const STOP_MS = 3 * 60_000

export interface MachineUp {
  url: string
  output(): string
  /** The steps that `make up` has printed, each with its duration in seconds. */
  steps(): string[]
  /** Sends SIGINT, as Ctrl-C does, and waits until `make up` has exited. */
  stop(): Promise<void>
}

/** Runs `make up` in the machine and waits until it prints that it is ready, which it does after the example has been built. */
export async function startUp(
  machine: Machine,
  { log, shown, signal }: { log: string; shown: Step; signal: AbortSignal },
): Promise<MachineUp> {
  let output = ''
  const ready = Promise.withResolvers<void>()
  const onOutput = (chunk: Buffer): void => {
    appendFileSync(log, chunk)
    output += chunk.toString()
    shown.detail(output.trimEnd().split('\n').at(-1)?.trim() ?? '')
    if (/^Ready after .*\n/m.test(output)) ready.resolve()
  }
  // The shell that sshd starts leads a process group, like a command in a terminal; SIGINT is sent to that group.
  const script = `cd ${CLONE} && echo $$ >${PID_FILE} && exec make up ARGS='--ready-file ${READY_FILE}'`
  const ended = machine.run(script, onOutput)
  const early = ended.then((outcome: RunOutcome) => {
    signal.throwIfAborted()
    throw new Error(
      `make up ended before it was ready, exit code ${outcome.ok ? 0 : outcome.exit_code}`,
    )
  })
  await Promise.race([ready.promise, early])
  early.catch(() => undefined)
  const { url } = JSON.parse(await machine.runOrThrow(`cat ${READY_FILE}`)) as { url: string }
  return {
    url,
    output: () => output,
    steps: () => output.split('\n').filter((line) => /^\s*[✓✗] |^Ready after/.test(line)),
    stop: async () => {
      await machine.runOrThrow(`kill -INT -$(cat ${PID_FILE})`)
      const late = new AbortController()
      const timeout = sleep(STOP_MS, undefined, { signal: late.signal }).catch(() => undefined)
      const outcome = await Promise.race([ended, timeout])
      late.abort()
      assert.ok(outcome, `make up did not end within ${STOP_MS / 1000} s of Ctrl-C`)
      assert.match(output, /^Stopped\. All data is in /m)
    },
  }
}
