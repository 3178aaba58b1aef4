/**
 * Runs drills, which are trials that take too long to run for every change.
 *
 * `node tools/run-drills.ts [NAME...]` runs the named drills, by default all. `--today` runs one of those that are short enough for CI, a
 * different one each day.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { FRESH_ROOTS } from './fresh/fresh-roots.ts'

interface Drill {
  name: string
  /** A program in this folder, with its arguments. */
  command: string[]
  /** The reason for not running the drill in CI, where a drill must finish within 5 minutes. Unset if it runs there. */
  notInCi?: string
}

/** CI always tries the first root, so only the others are drills. */
const OTHER_ROOTS: Drill[] = FRESH_ROOTS.slice(1).map(({ name }) => ({
  name: `fresh-${name}`,
  command: ['test-fresh.ts', name],
}))
/** Add new drills here, one per line. */
const DRILLS: readonly Drill[] = [
  ...OTHER_ROOTS,
  {
    name: 'corpus',
    command: ['corpus/build-corpus.ts'],
    notInCi: 'as it downloads Go and Rust and takes half an hour; make test-corpus builds a tenth',
  },
  {
    name: 'booted',
    command: ['drills/booted.ts'],
    notInCi: 'as its processor is emulated, which takes most of an hour',
  },
  {
    name: 'crash',
    command: ['drills/crash.ts'],
    notInCi: 'as it takes most of an hour; the system and cloud suites run each kind once',
  },
  {
    name: 'events',
    command: ['drills/events.ts'],
    notInCi: 'as the broker is away for five minutes; make test-clients has half a minute',
  },
  {
    name: 'sandbox',
    command: ['drills/sandbox.ts'],
    notInCi: 'as its processor is emulated, which takes twenty minutes',
  },
  {
    name: 'mutations',
    command: ['run-mutations.ts'],
    notInCi: 'as it takes ten minutes and more; run it after changes of states, rights or leases',
  },
]
const DAY_MS = 24 * 3600 * 1000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { today: { type: 'boolean', default: false } },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const unknown = positionals.filter((name) => !DRILLS.some((drill) => drill.name === name))
if (unknown.length > 0)
  throw new Error(
    `Cannot find the drill ${unknown.join(', ')}: there are ${DRILLS.map(({ name }) => name).join(', ')}`,
  )

const failed: string[] = []
for (const drill of values.today ? drillOfToday() : chosen()) {
  say(`\n=== drill ${drill.name}`)
  const [program = '', ...args] = drill.command
  const child = spawn(process.execPath, [`${import.meta.dirname}/${program}`, ...args], {
    stdio: 'inherit',
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) failed.push(drill.name)
}
if (failed.length > 0) {
  say(`\nFailed: ${failed.join(', ')}`)
  process.exitCode = 1
}

function chosen(): readonly Drill[] {
  return positionals.length === 0 ? DRILLS : DRILLS.filter(({ name }) => positionals.includes(name))
}

function drillOfToday(): Drill[] {
  const inCi = DRILLS.filter(({ notInCi }) => notInCi === undefined)
  for (const { name, notInCi } of DRILLS) if (notInCi) say(`Left out: ${name}, ${notInCi}`)
  return inCi.slice(Math.floor(Date.now() / DAY_MS) % inCi.length).slice(0, 1)
}
