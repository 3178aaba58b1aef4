import { createWriteStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '@copr/process/run'
import type { ClientMachine } from './client-machine.ts'
import type { Outcome } from './outcomes.ts'

export interface ScriptRun {
  checkout: string
  machine: ClientMachine
  /** Environment variables for upstream's file `config`. */
  env: Record<string, string>
  /** The directory for logs. */
  logs: string
  say: (line: string) => void
}

/** Maximum duration of a script. Scripts sleep, and wait for several builds of up to 2 minutes each. */
const SCRIPT_MS = 40 * 60_000

/** Runs shell tests, given by path below `beaker-tests`, up to `at_once` of them at a time; returns the outcomes of their assertions. */
export async function runScripts(
  scripts: readonly string[],
  at_once: number,
  context: ScriptRun,
): Promise<Outcome[]> {
  const waiting = [...scripts]
  const outcomes: Outcome[] = []
  const work = async (): Promise<void> => {
    for (let script = waiting.shift(); script !== undefined; script = waiting.shift())
      outcomes.push(...(await runScript(script, context)))
  }
  await Promise.all(Array.from({ length: at_once }, work))
  return outcomes
}

async function runScript(
  script: string,
  { checkout, machine, env, logs, say }: ScriptRun,
): Promise<Outcome[]> {
  const tests = join(checkout, 'beaker-tests')
  const path = join(tests, script)
  const results = join(logs, `${script}.results`)
  await mkdir(dirname(results), { recursive: true })
  await writeFile(results, '')
  const log = createWriteStream(join(logs, `${script}.log`))
  say(`${script} begins`)
  const [program = '', ...args] = machine.enter(['bash', path])
  await run(program, args, {
    cwd: dirname(path),
    env: { ...machine.env, ...env, UPSTREAM_TESTS: tests, UPSTREAM_RESULTS: results },
    timeout_ms: SCRIPT_MS,
    onOutput: (chunk) => log.write(chunk),
  })
  log.end()
  const outcomes = readResults(await readFile(results, 'utf8'))
  say(
    `${script}: ${outcomes.filter(({ holds }) => holds).length} of ${outcomes.length} assertions hold`,
  )
  return outcomes
}

/** Parses the lines that client/beakerlib.sh writes. */
export function readResults(text: string): Outcome[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [outcome, name = '', about = ''] = line.split('\t')
      return { suite: 'shell', name, holds: outcome === 'PASS', text: about }
    })
}
