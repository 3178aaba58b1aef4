/**
 * Measures how long a user waits in addition to the build itself: the time from submitting `hello` until dnf can install it, minus the time
 * of `rpmbuild`. Writes its table in docs/performance.md.
 *
 * `node bench/overhead.ts [BUILDS]`
 */
import { cpus } from 'node:os'
import { readFileSync, writeFileSync } from 'node:fs'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { fetchSample } from '@copr/testkit/samples/fetch-sample'
import { buildSummary, failReason } from '@copr/testkit/system/build-summary'
import { CACHE_DIR, startSystem, type System } from '@copr/testkit/system/start-system'
import { textAt } from '@copr/testkit/system/api-client'
import { readRepository } from '@copr/testkit/system/repository'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { median } from './median.ts'
import { nextNotice } from './next-notice.ts'
import { rootByHand } from './rpmbuild-alone.ts'

const PROJECT = 'overhead'
const TARGET_SECONDS = 3
/** The builder's phases, in order. */
const BUILDER_PHASES = ['sources', 'root', 'srpm', 'builddeps', 'rpmbuild', 'upload']
/** The longest wait for a notification before the state of a build is requested again. */
const AT_MOST_MS = 1000
const PAGE = new URL('../docs/performance.md', import.meta.url)

/** The seconds that a build took, in total and per phase, with the phases in order. */
interface Measured {
  total: number
  phases: Record<string, number>
}

/** A build, and a run of `rpmbuild` by hand right after it, so that other load on the machine affects both. */
type Pair = Measured & { by_hand: number }

const reason = whyNoSystem(process.env['PATH'])
if (reason) throw new Error(`Cannot measure: ${reason}`)
const builds = Number(process.argv[2] ?? 7)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const srpm = await fetchSample('hello', CACHE_DIR)
const measured: Pair[] = []
{
  await using alone = await rootByHand(srpm)
  await using system = await startSystem({ builders: 1 })
  await system.api.createProject(PROJECT)
  say(
    `warm-up: ${(await measure(system)).total.toFixed(2)} s, by hand ${(await alone.rebuild()).toFixed(2)} s`,
  )
  for (let index = 0; index < builds; index++) {
    const one = { ...(await measure(system)), by_hand: await alone.rebuild() }
    measured.push(one)
    say(
      `build ${index + 1}: ${one.total.toFixed(2)} s, of which rpmbuild ${(one.phases['rpmbuild'] ?? 0).toFixed(2)} s; by hand ${one.by_hand.toFixed(2)} s`,
    )
  }
}
const table = render(measured)
say(`\n${table}`)
const page = readFileSync(PAGE, 'utf8')
const block = /(<!-- overhead -->\n)[^]*?(<!-- \/overhead -->)/
if (!block.test(page)) throw new Error('docs/performance.md has no place for the table')
writeFileSync(
  PAGE,
  page.replace(block, (_, begin: string, end: string) => `${begin}\n${table}\n${end}`),
)
if (median(measured.map(overheadOf)) > TARGET_SECONDS) process.exitCode = 1

async function measure(system: System): Promise<Measured> {
  const { api } = system
  const repo = `${system.url}/results/${api.username}/${PROJECT}/${DISTRO_CHROOT}/`
  const began = Date.now()
  const { id } = await api.uploadBuild(PROJECT, srpm)
  const dir = `${String(id).padStart(8, '0')}-hello/`
  // Waits for notifications instead of polling, which would take CPU time from the build.
  await using notices = await nextNotice(system.databaseUrl, 'copr_build')
  for (;;) {
    const { state } = await api.build(id)
    if (['failed', 'canceled'].includes(state))
      throw new Error(`Build ${id} ${state}: ${await failReason(system, id)}`)
    if (state === 'succeeded') break
    await notices.next(AT_MOST_MS)
  }
  const { packages } = await readRepository(repo)
  if (!packages.some(({ location }) => location.startsWith(dir)))
    throw new Error(`Build ${id} succeeded, but is not in the repository`)
  const ended = Date.now()
  return { total: (ended - began) / 1000, phases: await phasesOf(system, id, { began, ended }) }
}

async function phasesOf(
  system: System,
  id: number,
  client: { began: number; ended: number },
): Promise<Record<string, number>> {
  const { submitted_at, source_ended_at, chroots } = await buildSummary(system, id)
  const [chroot] = chroots
  const { result_url } = await system.api.buildChroot(id)
  const notes = await backendNotes(`${result_url ?? ''}backend.log`)
  const imported = source_ended_at?.getTime() ?? 0
  const started = chroot?.started_at?.getTime() ?? 0
  const own = chroot?.seconds ?? {}
  const inBuilder = Object.values(own).reduce((sum, seconds) => sum + seconds, 0)
  const between = (from: number, to: number): number => (to - from) / 1000
  return {
    submit: between(client.began, submitted_at.getTime()),
    import: between(submitted_at.getTime(), imported),
    claim: between(imported, started),
    ...Object.fromEntries(BUILDER_PHASES.map((name) => [name, own[name] ?? 0])),
    'report of the builder': between(started, notes.built) - inBuilder,
    verify: between(notes.built, notes.verified),
    sign: between(notes.verified, notes.signed),
    publish: between(notes.signed, notes.published),
    'seen by the client': between(notes.published, client.ended),
  }
}

/** Returns the times at which the backend logged its steps. */
async function backendNotes(
  url: string,
): Promise<Record<'built' | 'verified' | 'signed' | 'published', number>> {
  const log = await textAt(url)
  const when = (step: string): number =>
    Date.parse(new RegExp(`^(\\S+) ${step}`, 'm').exec(log)?.[1] ?? '')
  return {
    built: when('built'),
    verified: when('verified'),
    signed: when('signed'),
    published: when('published'),
  }
}

function overheadOf({ total, phases }: Measured): number {
  return total - (phases['rpmbuild'] ?? 0)
}

function render(all: Pair[]): string {
  const names = Object.keys(all[0]?.phases ?? {})
  const row = (name: string, values: number[]): string =>
    `| ${name} | ${median(values).toFixed(2)} | ${Math.min(...values).toFixed(2)} | ${Math.max(...values).toFixed(2)} |`
  const totals = all.map(({ total }) => total)
  return [
    `\`make bench-overhead\`: ${all.length} builds of hello, one builder, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), seconds.`,
    '',
    '| phase | median | least | most |',
    '| --- | ---: | ---: | ---: |',
    ...names.map((name) =>
      row(
        name,
        all.map(({ phases }) => phases[name] ?? 0),
      ),
    ),
    row('**submit to installable**', totals),
    row('**overhead: all but rpmbuild**', all.map(overheadOf)),
    row(
      'rpmbuild of the same SRPM by hand in the same root, right after each',
      all.map(({ by_hand }) => by_hand),
    ),
    row(
      'rpmbuild in the system less that by hand, of each pair',
      all.map(({ phases, by_hand }) => (phases['rpmbuild'] ?? 0) - by_hand),
    ),
    '',
  ].join('\n')
}
