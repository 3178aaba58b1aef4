/**
 * Runs the unmodified tests of a checkout of Copr against this system and prints a table. `tools/upstream/tests.tsv` lists the tests that
 * count; at least 95 % of them must pass.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeDistro } from '@copr/demo-distro/make-distro'
import { pythonVenv } from '@copr/testkit/python/venv'
import { CACHE_DIR } from '@copr/testkit/system/start-system'
import { committedList, type Suite, SUITES } from './upstream/list.ts'
import { isEnough, judge, type Outcome, renderTable, unlisted } from './upstream/outcomes.ts'
import { runApiTests } from './upstream/run-api.ts'

const USAGE = `Usage: node tools/test-upstream.ts [--suite ${SUITES.join('|')}]... <checkout> [name...]

Runs the tests of a checkout of Copr against this system. With names, runs the scripts and features whose names
contain one. Needs root. Logs and data are in a new folder in /var/tmp, which the first line names.
`
const CLIENT_SUITES = fileURLToPath(new URL('upstream/client-suites.ts', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { suite: { type: 'string', multiple: true }, help: { type: 'boolean', default: false } },
})
const [folder, ...names] = positionals
const suites = SUITES.filter((suite) => values.suite?.includes(suite) ?? true)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

if (values.help || folder === undefined || suites.length === 0) {
  process.stderr.write(USAGE)
  process.exitCode = values.help ? 0 : 2
} else if (!existsSync(join(folder, 'beaker-tests'))) {
  say(
    `Cannot run upstream's tests: ${folder} is not a checkout of Copr: it has no folder beaker-tests`,
  )
  process.exitCode = 2
} else if (process.getuid?.() !== 0) {
  say("Cannot run upstream's tests as another user than root: they need namespaces and mounts")
  process.exitCode = 2
} else process.exitCode = await testUpstream(resolve(folder))

/** Returns the exit code: 1 if too few tests pass. */
async function testUpstream(checkout: string): Promise<number> {
  const dir = await mkdtemp('/var/tmp/copr-upstream-')
  say(`Logs are in ${dir}`)
  const programs = await pythonVenv('upstream-requirements.txt')
  const outcomes: Outcome[] = []
  if (suites.includes('api')) {
    const log: Buffer[] = []
    outcomes.push(
      ...(await runApiTests(checkout, { programs, onOutput: (chunk) => log.push(chunk) })),
    )
    await writeFile(join(dir, 'api.log'), Buffer.concat(log))
  }
  if (suites.some((suite) => suite !== 'api'))
    outcomes.push(...(await runClientSuites(checkout, { dir, programs })))
  return report(dir, outcomes)
}

/** Runs the shell tests and the features in their own namespaces. */
async function runClientSuites(
  checkout: string,
  { dir, programs }: { dir: string; programs: string },
): Promise<Outcome[]> {
  const work = join(dir, 'work')
  await mkdir(work)
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
  // Built outside the namespaces, where mirrors can be reached.
  const distro = join(CACHE_DIR, 'upstream/distro')
  await makeDistro({ dir: distro })
  const command = [process.execPath, CLIENT_SUITES, checkout, work, programs, distro, ...names]
  const child = spawn('unshare', [...namespaces, ...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const stop = (): void => void child.kill('SIGKILL')
  process.once('exit', stop)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0)
    throw new Error(`The shell tests and features could not be run: exit code ${code}`)
  return JSON.parse(await readFile(join(work, 'outcomes.json'), 'utf8')) as Outcome[]
}

function report(dir: string, outcomes: readonly Outcome[]): number {
  const wanted: readonly Suite[] = suites
  const isWanted = (name: string): boolean =>
    names.length === 0 || names.some((each) => name.includes(each))
  const list = committedList().filter(({ suite, name }) => wanted.includes(suite) && isWanted(name))
  const verdicts = judge(list, outcomes)
  say(renderTable(verdicts))
  for (const name of unlisted(committedList(), outcomes)) say(`Not in the list: ${name}`)
  say(`Logs are in ${dir}`)
  return isEnough(verdicts) ? 0 : 1
}
