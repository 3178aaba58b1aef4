import { cpus, getPriority, totalmem } from 'node:os'
import { readFileSync, writeFileSync } from 'node:fs'
import { type Case, type Kind, shown } from './cases.ts'
import type { Client, Measured } from './measure.ts'

/** The page with the summary. */
const SUMMARY = new URL('../../docs/performance.md', import.meta.url)
/** The page with all cases. */
const RESULTS = new URL('../results/api.md', import.meta.url)
const KINDS: Kind[] = ['a user’s', 'a group’s', 'the giant’s']

export interface Row extends Measured, Omit<Case, 'path'> {
  tries: number
  /** Whether other programs left the processors idle before the measurement. */
  was_quiet: boolean
  /** Undefined for the cases in bench/api/lists.ts. */
  kind?: Kind
}

export type LongRow = Measured & { name: string; peak: number }

type Memory = ReturnType<Client['memory']>
export type MemoryOverTime = Record<'started' | 'listed' | 'again' | 'long', Memory>

/** Writes all cases into bench/results/api.md and their summary into docs/performance.md. */
export function writeTables(rows: Row[], long: LongRow[], memory: MemoryOverTime): void {
  writeBlock(RESULTS, [aboutTheMachine(rows), '', ...allTables(rows, long, memory)])
  writeBlock(SUMMARY, [aboutTheMachine(rows), '', ...summary(rows), '', ...memoryLines(memory)])
}

function writeBlock(file: URL, lines: string[]): void {
  const page = readFileSync(file, 'utf8')
  const block = /(<!-- api -->\n)[^]*?(<!-- \/api -->)/
  if (!block.test(page)) throw new Error(`${file.pathname} has no place for the tables`)
  const text = lines.join('\n')
  writeFileSync(
    file,
    page.replace(block, (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`),
  )
}

function summary(rows: Row[]): string[] {
  const groups: [string, Row[]][] = [
    ['lists, at any depth', rows.filter(({ kind }) => kind === undefined)],
    ['every page and every GET', rows.filter(({ kind }) => kind !== undefined)],
  ]
  return [
    '| measured | cases | p95: median of the cases | p95: slowest case | the slowest case |',
    '| --- | ---: | ---: | ---: | --- |',
    ...groups.flatMap(([name, cases]) => {
      const sorted = cases.toSorted((one, other) => one.p95 - other.p95)
      const median = sorted[Math.floor(sorted.length / 2)]
      const slowest = sorted.at(-1)
      if (!median || !slowest) return []
      return `| ${name} | ${cases.length} | ${ms(median.p95)} | ${ms(slowest.p95)} | ${cell(caseName(slowest))} |`
    }),
  ]
}

function caseName({ kind, name, route }: Row): string {
  return kind === undefined ? name : `${shown(route)}, ${kind}`
}

function allTables(rows: Row[], long: LongRow[], memory: MemoryOverTime): string[] {
  return [
    '## Lists',
    '',
    '| list | p50 | p95 | most |',
    '| --- | ---: | ---: | ---: |',
    ...rows
      .filter(({ kind }) => kind === undefined)
      .map(({ name, p50, p95, max }) => `| ${cell(name)} | ${ms(p50)} | ${ms(p95)} | ${ms(max)} |`),
    '',
    '## Every page and every GET',
    '',
    'p50 / p95. The giant is the project with 200,000 builds; pages that belong to no project are in the first column.',
    '',
    `| read | ${KINDS.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(KINDS.length)}`,
    ...routeRows(rows),
    '',
    '## Memory',
    '',
    ...memoryLines(memory),
    '',
    '| long answers, two at a time | p50 (s) | size (MB) | peak memory so far (MB) |',
    '| --- | ---: | ---: | ---: |',
    ...long.map(
      ({ name, p50, bytes, peak }) =>
        `| ${cell(name)} | ${(p50 / 1000).toFixed(2)} | ${(bytes / 2 ** 20).toFixed(1)} | ${peak.toFixed(0)} |`,
    ),
  ]
}

function aboutTheMachine(rows: Row[]): string {
  const noisy = rows.filter(({ was_quiet }) => !was_quiet).length
  const again = rows.filter(({ tries }) => tries > 1).length
  const priority = getPriority()
  return [
    `\`make bench-api\`: ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GB, with the client and PostgreSQL`,
    `(its shared memory 64 MB, as embedded) on them too; three requests at a time, milliseconds. ${noisy} of ${rows.length} measurements began while`,
    `other programs used a quarter of the processors or more, ${priority < 0 ? `over which the measurement had priority (nice ${priority})` : 'with the same priority'};`,
    `${again} were repeated because the first was above the goal.`,
  ].join('\n')
}

function routeRows(rows: Row[]): string[] {
  const ofRoutes = rows.filter(({ kind }) => kind !== undefined)
  const byPage = Map.groupBy(ofRoutes, ({ route }) =>
    shown(route).replace('/coprs/g/:group', '/coprs/:owner').replace('/g/:owner', '/:owner'),
  )
  return [...byPage].map(([page, measured]) => {
    const cells = KINDS.map((kind) => {
      const row = measured.find((each) => each.kind === kind)
      return row ? `${ms(row.p50)} / ${ms(row.p95)}` : ''
    })
    return `| ${cell(page)} | ${cells.join(' | ')} |`
  })
}

function memoryLines({ started, listed, again, long }: MemoryOverTime): string[] {
  const mb = (value: number): string => `${value.toFixed(0)} MB`
  return [
    `Memory of the frontend: ${mb(started.now)} at its start, ${mb(listed.now)} after all cases, ${mb(again.now)} after all of them again,`,
    `${mb(long.now)} after the long answers; at most ${mb(listed.peak)}, ${mb(again.peak)} and ${mb(long.peak)}.`,
  ]
}

function ms(value: number): string {
  return value.toFixed(1)
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`)
}
