/**
 * Boots a Debian 12 with systemd, cgroup v2 and empty caches, and runs `make up` there twice. The processor is emulated, so this takes most
 * of an hour, and several hours on a busy host. Usage: `node tools/drills/booted.ts [--working-tree]`
 */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { showProgress } from '../../packages/cli/src/up/progress.ts'
import { stopSignal } from '../../packages/cli/src/stop-signal.ts'
import { cloneCheckout } from '../fresh/checkout.ts'
import { FRESH_ROOTS } from '../fresh/fresh-roots.ts'
import { comparePackages } from '../fresh/package-lists.ts'
import { FRESH_CACHE } from '../fresh/root-cache.ts'
import { bootMachine } from '../machine/boot.ts'
import { machineImage, whyNoMachines } from '../machine/image.ts'
import { checkCgroupV2 } from './machine-cgroups.ts'
import { CLONE, startUp } from './machine-up.ts'

/** Generous, because a slow run is not a failure: on a busy host, the emulator gets only a small share of the CPU. */
const LIMIT_MS = 6 * 3600_000
/** The pages that new users open first, and the URLs that copr-cli and dnf request. */
const PAGES = [
  '/',
  '/coprs/admin/example/',
  '/coprs/build/1/',
  '/api_3/project?ownername=admin&projectname=example',
  '/results/admin/example/pubkey.gpg',
]

const reason = await whyNoMachines()
if (reason !== undefined) throw new Error(`Cannot boot a machine: ${reason}`)
const root = FRESH_ROOTS.find(({ name }) => name === 'debian-12')
if (root === undefined) throw new Error('There is no recipe for a root of debian-12')
const dir = join(FRESH_CACHE, 'logs', 'booted')
rmSync(dir, { recursive: true, force: true })
mkdirSync(dir, { recursive: true })
const signal = AbortSignal.any([stopSignal(), AbortSignal.timeout(LIMIT_MS)])
const progress = showProgress(process.stdout)
progress.say(`Logs, lists and the console: ${dir}`)

const onOutput = (chunk: Buffer): void => appendFileSync(join(dir, 'image.log'), chunk)
const recipe = { root, packages: [], disk_gb: 24 }
const image = await machineImage(recipe, { progress, signal, onOutput })
await using machine = await progress.step('boot', async () => {
  return await bootMachine({ image, memory_mb: 6144, cpus: 2, dir, signal })
})
try {
  await drill()
} catch (error) {
  // The journal contains more than the serial console, but cannot be read after the machine has been switched off.
  const journal = await machine.run('journalctl --no-pager --boot')
  if (journal.ok) save('journal.log', journal.output)
  progress.say(
    `\nThe drill failed; console.log, journal.log and the output of make up are in ${dir}`,
  )
  throw error
}
progress.say('\nThe drill passed')

async function drill(): Promise<void> {
  await progress.step('systemd is process 1, cgroup v2 alone is mounted', checkSystemd)
  await progress.step('clone of this checkout', copyCheckout)
  const before = await listPackages('packages-before.txt')

  await upOnce('make up', 'up-1.log', async (output, url) => {
    assert.match(output, /✓ package installed with dnf, gpgcheck=1 and repo_gpgcheck=1/)
    await progress.step(`${PAGES.length} pages answer in the machine`, () => checkPages(url))
  })
  const after = await listPackages('packages-after.txt')
  const changed = comparePackages(before, after)
  save('packages-changed.txt', changed.join('\n'))
  for (const line of changed) progress.say(`    ${line}`)
  progress.say(`    ${before.length} packages before, ${after.length} after`)

  await upOnce('make up again', 'up-2.log', async (output, url) => {
    assert.doesNotMatch(output, /Installing|example package built/)
    await checkPages(url)
  })
  assert.deepEqual(await listPackages('packages-again.txt'), after)
  await progress.step('no failed unit, no process killed for memory', checkHealth)
  save('state.txt', await machine.runOrThrow('free -m; df -h /; systemd-analyze; uname -a'))
  await progress.step('power off', () => machine.powerOff())
}

/** Runs `make up` until it is ready, prints its steps, and stops it as Ctrl-C would. */
async function upOnce(
  title: string,
  logName: string,
  check: (output: string, url: string) => Promise<void>,
): Promise<void> {
  const log = join(dir, logName)
  const up = await progress.step(title, (shown) => startUp(machine, { log, shown, signal }))
  for (const line of up.steps()) progress.say(`    ${line}`)
  await check(up.output(), up.url)
  await progress.step('Ctrl-C ends it', () => up.stop())
}

async function checkSystemd(): Promise<void> {
  await checkCgroupV2(machine)
  const caches = '/var/cache/apt/archives /var/lib/apt/lists /root/.npm /root/.cache'
  const cached = await machine.runOrThrow(`find ${caches} -type f -size +0 2>/dev/null || true`)
  assert.equal(cached, '', 'the caches are not empty')
}

async function copyCheckout(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'copr-booted-'))
  try {
    await cloneCheckout(join(work, 'copr'), process.argv.includes('--working-tree'))
    await runOrThrow('tar', ['-C', work, '-czf', join(work, 'copr.tar.gz'), 'copr'])
    await machine.copyIn(join(work, 'copr.tar.gz'), '/tmp/copr.tar.gz')
    await machine.runOrThrow(
      `mkdir -p ${CLONE} && tar -C ${CLONE} --strip-components=1 -xf /tmp/copr.tar.gz`,
    )
  } finally {
    rmSync(work, { recursive: true })
  }
}

async function listPackages(name: string): Promise<string[]> {
  const list = await machine.runOrThrow('dpkg-query -W | sort')
  save(name, list)
  return list.trim().split('\n')
}

/** Requests the pages from inside the machine, using the machine's Node.js, because there is no other HTTP client. */
async function checkPages(url: string): Promise<void> {
  const script =
    'Promise.all(process.argv.slice(1).map(async (url) => (await fetch(url)).status + " " + url)).then((lines) => console.log(lines.join("\\n")))'
  const urls = PAGES.map((page) => `'${url}${page}'`).join(' ')
  const answers = await machine.runOrThrow(`/usr/bin/node -e '${script}' ${urls}`)
  assert.equal(answers.trim(), PAGES.map((page) => `200 ${url}${page}`).join('\n'))
}

async function checkHealth(): Promise<void> {
  const failed = await machine.runOrThrow('systemctl --failed --no-legend --plain')
  assert.equal(failed.trim(), '')
  const kernel = await machine.runOrThrow('journalctl --no-pager --dmesg --boot')
  save('kernel.log', kernel)
  assert.doesNotMatch(kernel, /out of memory|oom-kill|soft lockup|Call Trace/i)
}

function save(name: string, text: string): void {
  writeFileSync(join(dir, name), `${text.trimEnd()}\n`)
}
