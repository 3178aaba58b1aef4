/**
 * Builds the packages of the corpus with the native engine in the mini distribution, and compares the contents of each package with its
 * file `expected`. Then installs all packages with dnf into one root, verifies them with rpm, runs their commands, and erases them.
 *
 * `node tools/corpus/build-corpus.ts [NAME...]` builds the named packages, by default all. `--today` builds a tenth of the packages that
 * need no large dependencies, a different tenth each day. `--update` rewrites the files `expected`. `--cache-dir DIR` keeps the mini
 * distribution and the roots in another folder.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { machineFaults } from '../../packages/builder/src/check-machine.ts'
import { buildDiskFaults } from '../../packages/builder/src/disk/build-disk-faults.ts'
import { buildNatively } from '../../packages/builder/src/native-engine.ts'
import { buildFixture, recordedContext } from '../../packages/builder/src/testing/build-fixture.ts'
import { showProgress } from '../../packages/cli/src/up/progress.ts'
import { messageOf } from '../../packages/process/src/errors.ts'
import { runOrThrow } from '../../packages/process/src/run.ts'
import { type CorpusPackage, corpusNames, readCorpusPackage } from './corpus-package.ts'
import { describeRpms } from './describe-rpms.ts'
import { type InstallRoot, installRoot } from './install-root.ts'

const DAY_MS = 24 * 3600_000
/** With `--today`, one of this many shares of the corpus is built. */
const TENTHS = 10
/** Number of concurrent builds: a tiny package uses only one core for most of its time. */
const AT_ONCE = 2
/** Programs that the packages' commands may use. */
const TOOLS = ['bash', 'coreutils', 'findutils', 'grep', 'gzip', 'sed', 'python3']

interface Result {
  name: string
  seconds: number
  rpms: string[]
  /** Sentences that say what went wrong. */
  faults: string[]
  /** The contents of the packages, in the notation of `expected`. */
  described: string
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    today: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    'cache-dir': { type: 'string', default: '/var/tmp/copr-test-cache' },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const faults = await machineFaults({ programs: ['rpmbuild', 'createrepo_c', 'unshare'] })
if (faults.length > 0) throw new Error(`Cannot build the corpus: ${faults.join('; ')}`)
const own_disk = (await buildDiskFaults()).length === 0

const packages = await chosenPackages()
const progress = showProgress(process.stdout)
// Packages with large dependencies get a mini distribution of their own: a shared one would keep these dependencies, and later tests would
// then need them, too.
const more = packages.some(({ expectation }) => expectation.needsMore)
const cacheDir = more ? join(values['cache-dir'], 'more') : values['cache-dir']
await using fixture = await buildFixture({ cacheDir, more })
const results = await buildAll()
if (results.some(({ rpms }) => rpms.length > 0)) await tryInstalled(results)
if (values.update)
  for (const { path, expectation } of packages) {
    const result = results.find(({ name }) => path.endsWith(`/${name}/expected`))
    // The file is kept if there are faults: without the output of its commands, the description would be incomplete.
    if (result?.faults.length === 0) await writeFile(path, result.described)
    else say(`${path} stays as it is${expectation.text === '' ? ', empty' : ''}`)
  }
printTable(results)

async function chosenPackages(): Promise<CorpusPackage[]> {
  const names = await corpusNames()
  const unknown = positionals.filter((name) => !names.includes(name))
  if (unknown.length > 0)
    throw new Error(`Cannot find ${unknown.join(', ')}: the corpus has ${names.join(', ')}`)
  const wanted = positionals.length > 0 ? positionals : names
  const all = await Promise.all(wanted.map(readCorpusPackage))
  if (!values.today) return all
  const large = all.filter(({ expectation }) => expectation.needsMore)
  if (large.length > 0)
    say(`Left out, as they need more-packages.list: ${large.map(({ name }) => name).join(', ')}`)
  const day = Math.floor(Date.now() / DAY_MS)
  return all
    .filter(({ expectation }) => !expectation.needsMore)
    .filter((_, index) => index % TENTHS === day % TENTHS)
}

async function buildAll(): Promise<Result[]> {
  const queue = [...packages]
  const built: Result[] = []
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one; one = queue.shift()) {
      const result = await buildOne(one)
      built.push(result)
      progress.say(
        `${result.faults.length === 0 ? 'built ' : 'FAILED'} ${one.name}, ${result.seconds.toFixed(1)} s`,
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return built.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

async function buildOne({
  name,
  spec,
  files,
  archives,
  expectation,
}: CorpusPackage): Promise<Result> {
  const began = performance.now()
  const result: Result = { name, seconds: 0, rpms: [], faults: [], described: '' }
  const context = recordedContext(join(fixture.dir, `run-${name}`))
  try {
    const task = await fixture.task(spec, { name, files, lookaside: archives })
    const outcome = await buildNatively(task, context, {
      builds_dir: join(fixture.dir, 'builds'),
      cache_dir: fixture.cacheDir,
      own_disk,
    })
    if (outcome.outcome === 'succeeded') {
      const paths = [...context.uploads.values()]
      result.rpms = paths.filter((path) => path.endsWith('.rpm') && !path.endsWith('.src.rpm'))
      result.described = `${headOf(expectation.text)}${await describeRpms(result.rpms)}`
    } else {
      const tail = context.text().split('\n').slice(-40).join('\n')
      result.faults.push(`${'reason' in outcome ? outcome.reason : outcome.outcome}\n${tail}`)
    }
  } catch (error) {
    result.faults.push(`${messageOf(error)}\n${context.text().slice(-2000)}`)
  }
  return { ...result, seconds: (performance.now() - began) / 1000 }
}

/** Returns the lines of `expected` that describe neither packages nor the output of commands. */
function headOf(text: string): string {
  const lines = text.split('\n').filter((line) => /^(needs|not installed:) /.test(line))
  return lines.map((line) => `${line}\n`).join('')
}

/** Installs everything into one root. Appends the output of each package's commands to its description. */
async function tryInstalled(all: Result[]): Promise<void> {
  const repository = join(fixture.dir, 'repository')
  await mkdir(repository)
  for (const path of all.flatMap(({ rpms }) => rpms))
    await copyFile(path, join(repository, basename(path)))
  await runOrThrow('createrepo_c', ['--no-database', repository])
  await using root = await installRoot([join(cacheDir, 'distro', 'repo'), repository])
  const names = new Map<string, string[]>()
  for (const { name, rpms } of all) {
    const out = packages.find((one) => one.name === name)?.expectation.notInstalled ?? []
    const built = await Promise.all(rpms.map(nameOf))
    names.set(
      name,
      built.filter((each) => !out.includes(each)),
    )
  }
  const wanted = [...names.values()].flat()
  progress.say(`Installing ${wanted.length} packages`)
  try {
    await root.install(wanted)
  } catch (error) {
    for (const result of all) if (result.rpms.length > 0) result.faults.push('It is not installed')
    say(messageOf(error))
    return
  }
  for (const result of all) await verifyOne(result, root, names.get(result.name) ?? [])
  // The tools are installed only after the packages, to show that each package requires the programs that its scriptlets run.
  await root.install(TOOLS)
  for (const result of all) await tryOne(result, root)
  const left = await root.erase(wanted)
  if (left.length > 0)
    throw new Error(`Packages are left after dnf erased them: ${left.join(', ')}`)
}

async function nameOf(path: string): Promise<string> {
  return await runOrThrow('rpm', ['-qp', '--nosignature', '--qf', '%{NAME}', path])
}

async function verifyOne(result: Result, root: InstallRoot, names: string[]): Promise<void> {
  if (names.length === 0) return
  const changed = await root.verify(names)
  if (changed.length > 0) result.faults.push(`rpm -V is not clean:\n${changed.join('\n')}`)
}

async function tryOne(result: Result, root: InstallRoot): Promise<void> {
  if (result.rpms.length === 0) return
  const { expectation } = packages.find(({ name }) => name === result.name)!
  for (const command of expectation.commands) {
    const lines = await root.shell(command)
    result.described += `$ ${command}\n${lines.map((line) => `> ${line}\n`).join('')}`
  }
  if (result.described === expectation.text || values.update) return
  result.faults.push(`It is not as expected:\n${difference(expectation.text, result.described)}`)
}

/** Returns the lines that occur more often in one of the texts than in the other. */
function difference(expected: string, actual: string): string {
  const [before, after] = [expected, actual].map((text) => text.split('\n')) as [string[], string[]]
  const lines = [
    ...surplus(before, after).map((line) => `- ${line}`),
    ...surplus(after, before).map((line) => `+ ${line}`),
  ]
  return lines.length === 0 ? 'the order of lines' : lines.join('\n')
}

/** Returns the lines of `some`, minus one for each equal line in `others`. */
function surplus(some: string[], others: string[]): string[] {
  const left = [...others]
  return some.filter((line) => {
    const at = left.indexOf(line)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

function printTable(all: Result[]): void {
  for (const { name, faults: found } of all)
    for (const fault of found) say(`\n=== ${name}: ${fault}`)
  const width = Math.max(...all.map(({ name }) => name.length))
  say(`\n${'package'.padEnd(width)}  RPMs  seconds  outcome`)
  for (const { name, rpms, seconds, faults: found } of all)
    say(
      `${name.padEnd(width)}  ${String(rpms.length).padStart(4)}  ${seconds.toFixed(1).padStart(7)}  ${found.length === 0 ? 'as expected' : 'FAILED'}`,
    )
  const failed = all.filter(({ faults: found }) => found.length > 0)
  say(`\n${all.length - failed.length} of ${all.length} packages are as expected`)
  // for the summary of the CI job
  say(`# pass ${all.length - failed.length}\n# fail ${failed.length}`)
  if (failed.length > 0) process.exitCode = 1
}
