/**
 * Kills components of a running system in the middle of 50 builds. Then runs, 50 times, the tests that interrupt an import, a publish, a
 * fork and a removal at each of their steps. Usage: `node tools/drills/crash.ts [ROUNDS]`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stopSignal } from '../../packages/cli/src/stop-signal.ts'
import { startTestPostgres } from '../../packages/testkit/src/postgres.ts'
import { whyNoSystem } from '../../packages/testkit/src/system/requirements.ts'
import { printTallies, runRounds } from '../run-rounds.ts'

/** Files whose tests interrupt an operation at each of its steps. */
const FAULT_POINTS = [
  'packages/distgit/src/import.test.ts',
  'packages/backend/src/publish/publish.test.ts',
  'packages/backend/src/fork/fill-fork.test.ts',
  'packages/backend/clouds/s3-publish.test.ts',
  'packages/backend/clouds/s3-crash.test.ts',
]
/** How many times each process runs a test file. Loading the code under test takes most of the time, so batches save time. */
const BATCH = 10

const rounds = Number(process.argv[2] ?? '50')
const stop = stopSignal()
const say = (line: string): void => void process.stdout.write(`${line}\n`)

// Without this check, the tests would be skipped, and the drill would pass without having tried anything.
const reason = whyNoSystem(process.env['PATH'])
if (reason !== false) throw new Error(`Cannot run the drill: it ${reason}`)
const areKillsSurvived = await killComponents()
if (!(await reachFaultPoints()) || !areKillsSurvived) process.exitCode = 1

async function killComponents(): Promise<boolean> {
  const setup = '--test-global-setup=packages/testkit/src/test-setup.ts'
  const args = ['--test', setup, '--test-reporter=spec', 'e2e/system/crash.test.ts']
  const env = { ...process.env, COPR_CRASH_ROUNDS: String(rounds) }
  const tests = spawn(process.execPath, args, { env, stdio: 'inherit', signal: stop })
  const [code] = (await once(tests, 'exit')) as [number | null]
  return code === 0
}

async function reachFaultPoints(): Promise<boolean> {
  await using postgres = await startTestPostgres()
  process.env['COPR_TEST_POSTGRES'] = postgres.url
  const files = FAULT_POINTS.map((path) => ({ path, tests: [], is_whole: true }))
  const onRun = (path: string, { runs }: { runs: number }): void => say(`${path}: run ${runs}`)
  const tallies = await runRounds(files, { rounds, batch: BATCH, concurrency: 2, stop, onRun })
  const areAllRun = [...tallies.values()].every(({ runs }) => runs === rounds)
  return printTallies(tallies) && areAllRun
}
