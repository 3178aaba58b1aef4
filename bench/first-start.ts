/**
 * Measures how long `make up` takes on a machine where it has never run, and how long the second run takes. Both runs are in a fresh Debian
 * 12 root file system, with warm download caches. Writes its table in docs/performance.md.
 *
 * `node bench/first-start.ts [RUNS]`
 */
import { cpus, loadavg } from 'node:os'
import { readFileSync, writeFileSync } from 'node:fs'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { showProgress } from '../packages/cli/src/up/progress.ts'
import { stopSignal } from '../packages/cli/src/stop-signal.ts'
import { FRESH_ROOTS } from '../tools/fresh/fresh-roots.ts'
import { startUp } from '../tools/fresh/running-up.ts'
import { tryInRoot, type Trial } from '../tools/fresh/trial.ts'
import { readStart, stampLines, type Start } from './first-start/steps.ts'
import { medianOf, renderTable } from './first-start/table.ts'

const ROOT = 'debian-12'
const TARGETS = { first: 120, second: 10 }
const PAGE = new URL('../docs/performance.md', import.meta.url)

interface Run {
  first: Start
  second: Start
  /** The load average over the minute before the run. */
  load: number
}

const count = Number(process.argv[2] ?? 3)
const root = FRESH_ROOTS.find(({ name }) => name === ROOT)
if (root === undefined) throw new Error(`There is no recipe for a root of ${ROOT}`)
const progress = showProgress(process.stdout)
const signal = stopSignal()

progress.say('Warm-up: downloads are cached')
await startTwice()
const runs: Run[] = []
for (let index = 0; index < count; index++) {
  const run = await startTwice()
  runs.push(run)
  progress.say(
    `Run ${index + 1}: ${run.first.seconds.toFixed(1)} s, again ${run.second.seconds.toFixed(1)} s; load before: ${run.load.toFixed(1)}`,
  )
}
const loads = runs.map(({ load }) => load.toFixed(1)).join(', ')
const table = [
  `\`make bench-first-start\`, ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores (${cpuName()}), ${count} ${count === 1 ? 'run' : 'runs'}, seconds;`,
  `load average before each run: ${loads}; above the number of cores, other programs took a share of them.`,
  '',
  ...renderTable(runs),
].join('\n')
progress.say(`\n${table}`)
const page = readFileSync(PAGE, 'utf8')
const block = /(<!-- first-start -->\n)[^]*?(<!-- \/first-start -->)/
if (!block.test(page)) throw new Error('docs/performance.md has no place for the table')
writeFileSync(
  PAGE,
  page.replace(block, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`),
)
const median = (which: 'first' | 'second'): number =>
  medianOf(runs.map((run) => run[which].seconds))
if (median('first') > TARGETS.first || median('second') > TARGETS.second) process.exitCode = 1

/** Runs `make up` twice in a new root file system. */
async function startTwice(): Promise<Run> {
  const load = loadavg()[0] ?? 0
  const starts: Start[] = []
  const each = ['up-1.log', 'up-2.log'].map((logName) => async (trial: Trial) => {
    starts.push(await measure(trial, logName))
  })
  const verdict = await tryInRoot(root!, { workingTree: true, progress, signal }, each)
  const [first, second] = starts
  if (verdict.failed > 0 || !first || !second) throw new Error('make up failed: see above')
  return { first, second, load }
}

async function measure(trial: Trial, logName: string): Promise<Start> {
  const mounts = trial.entered.mounts()
  const port = await freePort(0)
  const lines = stampLines(() => performance.now())
  const stamping: Trial = {
    ...trial,
    log: (name) => {
      const append = trial.log(name)
      return (chunk) => {
        lines.add(chunk.toString())
        append(chunk)
      }
    },
  }
  return await trial.step('make up', async (shown) => {
    const up = await startUp(stamping, { port, logName, shown })
    await up.stop(mounts)
    return readStart(lines.stamped())
  })
}

function cpuName(): string {
  return cpus()[0]?.model.replaceAll(/\s+/g, ' ').trim() ?? 'unknown'
}
