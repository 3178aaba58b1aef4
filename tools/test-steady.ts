import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { startTestPostgres } from '../packages/testkit/src/postgres.ts'
import { busyCores, type FileTally, printTallies, runRounds } from './run-rounds.ts'
import { type TimeDependentFile, timeDependentFiles } from './time-dependent.ts'

const USAGE = `Usage: node tools/test-steady.ts [--run <times>] [--busy <processes>] [--concurrency <files>]
                                  [--batch <times>] [file...]

Lists the tests that depend on time or order, each with the reason. With --run, runs each of
them that many times while other processes keep the cores busy, and says which failed how often.
With --batch, one process runs a file several times, which takes a tenth of the time for files that
test something small; files whose tests share what is outside of the file do not stand it.
`
const cores = availableParallelism()
/**
 * More than one, because tests spend much of their time waiting, and because additional tests keep the cores as busy as other processes
 * would.
 */
const TESTS_PER_CORE = 3
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    run: { type: 'string', default: '0' },
    busy: { type: 'string', default: String(cores) },
    batch: { type: 'string', default: '1' },
    concurrency: { type: 'string', default: String(TESTS_PER_CORE * cores) },
    help: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.run)
const busy = Number(values.busy)
const batch = Number(values.batch)
const concurrency = Number(values.concurrency)
const paths =
  positionals.length > 0
    ? positionals
    : globSync(
        '{packages/*/src/**,packages/builder/builds,packages/frontend/malformed,tools}/*.test.ts',
      )
const files = timeDependentFiles(paths.toSorted())

if (values.help || ![rounds, busy, batch, concurrency].every(Number.isInteger)) {
  process.stdout.write(USAGE)
  process.exitCode = values.help ? 0 : 2
} else if (rounds === 0) list(files)
else process.exitCode = (await repeat(files)) ? 0 : 1

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function list(found: TimeDependentFile[]): void {
  for (const { path, tests } of found) {
    print(path)
    for (const { title, reasons } of tests) print(`  ${title} (${reasons.join(', ')})`)
  }
  const count = found.reduce((sum, { tests }) => sum + tests.length, 0)
  print(`${count} tests in ${found.length} files depend on time or order`)
}

/** Returns false if any test failed. */
async function repeat(found: TimeDependentFile[]): Promise<boolean> {
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  process.once('SIGTERM', () => interrupted.abort())
  const began = performance.now()
  const total = found.length * Math.ceil(rounds / batch)
  let done = 0
  const onRun = (path: string, { runs, tests }: FileTally): void => {
    const failed = [...tests.values()].reduce((sum, test) => sum + test.failed, 0)
    const minutes = ((performance.now() - began) / 60_000).toFixed(1)
    print(`${minutes} min ${++done}/${total} ${path} run ${runs}, ${failed} failed`)
  }
  const server = process.env['COPR_TEST_POSTGRES']
  await using started = server === undefined ? await startTestPostgres() : undefined
  if (started) process.env['COPR_TEST_POSTGRES'] = started.url
  using _load = busyCores(busy)
  const options = { rounds, batch, concurrency, stop: interrupted.signal, onRun }
  return printTallies(await runRounds(found, options))
}
