/**
 * Measures an ordinary build while another build on the same machine uses as much of the machine as it can. Writes its table in
 * docs/performance.md.
 *
 * `node bench/neighbors.ts [ROUNDS]`
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { anotherUser, buildSummary, failReason } from '@copr/testkit/system/build-summary'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources } from '@copr/testkit/system/tiny-srpm'
import { median } from './median.ts'
import { BUSY, type Hog, HOGS, type HogName, MEASURED, ORDINARY } from './neighbors/hogs.ts'
import { startNeighbor } from './neighbors/neighbor.ts'

const PROJECT = 'neighbors'
const GOAL = 1.3
const BUILD_MS = 1_800_000
const PAGE = new URL('../docs/performance.md', import.meta.url)

type CaseName = HogName | 'none'
/**
 * The cases, in groups. In each round, the build is also measured next to the ordinary neighbor, once per group, right after the group's
 * first case. Each case is compared with that measurement, because other load on the machine affects both alike.
 */
const GROUPS: [CaseName, ...CaseName[]][] = [
  ['none', 'cpu'],
  ['processes', 'memory'],
  ['files', 'disk'],
  ['log'],
]

/**
 * Seconds that `rpmbuild` takes in two measurements: next to the neighbor of a case, and, right before or after that, next to the ordinary
 * neighbor.
 */
interface Pair {
  seconds: number
  ordinary: number
}

const reason = whyNoSystem(process.env['PATH'])
if (reason) throw new Error(`Cannot measure: ${reason}`)
const rounds = Number(process.argv[2] ?? 5)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const load = loadavg()[0] ?? 0
const hogs = Object.keys(HOGS) as HogName[]
const pairs = new Map<CaseName, Pair[]>(GROUPS.flat().map((name) => [name, []]))
await measureAll()
const table = render()
say(`\n${table}`)
const page = readFileSync(PAGE, 'utf8')
const block = /(<!-- neighbors -->\n)[^]*?(<!-- \/neighbors -->)/
if (!block.test(page)) throw new Error('docs/performance.md has no place for the table')
writeFileSync(
  PAGE,
  page.replace(block, (_, begin: string, end: string) => `${begin}\n${table}\n${end}`),
)
if (hogs.some((name) => median(ratiosOf(name)) > GOAL)) process.exitCode = 1

async function measureAll(): Promise<void> {
  using sources = tinySources()
  const srpmOf = async (
    name: string,
    { requires = [], script }: Pick<Hog, 'requires' | 'script'>,
  ) =>
    await sources.make({
      name,
      // A percent sign begins a macro in a spec.
      build: script.replaceAll('%', '%%'),
      ...(requires.length > 0 && { requires }),
    })
  const measured = await srpmOf('measured', MEASURED)
  await using system = await startSystem({ builders: 2 })
  await system.api.createProject(PROJECT)
  // The neighbor has another owner, because two builds of one owner would rarely run at the same time on a busy system.
  const other = await anotherUser(system, 'neighbor')
  await other.createProject(PROJECT)
  const next = async (hog: Hog | undefined, name: string): Promise<number> => {
    if (!hog) return await measure(system, measured)
    const srpm = await srpmOf(name, { ...hog, script: `echo ${BUSY}\n${hog.script}` })
    await using _neighbor = await startNeighbor({ system, api: other, project: PROJECT, hog, srpm })
    return await measure(system, measured)
  }
  say(`warm-up: ${(await measure(system, measured)).toFixed(2)} s`)
  for (let round = 1; round <= rounds; round++)
    for (const [first, ...rest] of GROUPS) {
      const before = await next(hogOf(first), first)
      const ordinary = await next(ORDINARY, 'ordinary')
      record(round, first, { seconds: before, ordinary })
      for (const name of rest)
        record(round, name, { seconds: await next(hogOf(name), name), ordinary })
    }
}

function hogOf(name: CaseName): Hog | undefined {
  return name === 'none' ? undefined : HOGS[name]
}

function record(round: number, name: CaseName, pair: Pair): void {
  pairs.get(name)?.push(pair)
  say(
    `round ${round}, ${name}: ${pair.seconds.toFixed(2)} s, next to the ordinary neighbor ${pair.ordinary.toFixed(2)} s`,
  )
}

/** Builds the package that is measured; returns how many seconds `rpmbuild` took. */
async function measure(system: System, srpm: string): Promise<number> {
  const { id } = await system.api.uploadBuild(PROJECT, srpm)
  const { state } = await system.api.waitForBuild(id, BUILD_MS)
  if (state !== 'succeeded')
    throw new Error(`Build ${id} ${state}: ${await failReason(system, id)}`)
  const { chroots } = await buildSummary(system, id)
  const seconds = chroots[0]?.seconds?.['rpmbuild']
  if (seconds === undefined) throw new Error(`Build ${id} has not reported its times`)
  return seconds
}

function ratiosOf(name: CaseName): number[] {
  return (pairs.get(name) ?? []).map(({ seconds, ordinary }) => seconds / ordinary)
}

function render(): string {
  const row = (title: string, seconds: number[], ratios: number[]): string => {
    const figures = [median(seconds), median(ratios), Math.min(...ratios), Math.max(...ratios)]
    return `| ${title} | ${figures.map((one) => one.toFixed(2)).join(' | ')} |`
  }
  const ordinary = [...pairs.values()].flat().map((pair) => pair.ordinary)
  const secondsOf = (name: CaseName) => (pairs.get(name) ?? []).map(({ seconds }) => seconds)
  return [
    `\`make bench-neighbors\`: ${rounds} rounds, two builders, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'});`,
    `load average before: ${load.toFixed(1)}.`,
    '',
    '| next to a build that | rpmbuild (s) | times the ordinary neighbor | least | most |',
    '| --- | ---: | ---: | ---: | ---: |',
    row('(no other build)', secondsOf('none'), ratiosOf('none')),
    row(
      `${ORDINARY.does} (ordinary)`,
      ordinary,
      ordinary.map(() => 1),
    ),
    ...hogs.map((name) => row(HOGS[name].does, secondsOf(name), ratiosOf(name))),
    '',
  ].join('\n')
}
