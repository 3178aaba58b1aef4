import { cpus, getPriority, totalmem } from 'node:os'
import { readFileSync, writeFileSync } from 'node:fs'
import { type Case, type Kind, shown } from './cases.ts'
import type { Client, Measured } from './measure.ts'

const PAGE = new URL('../../docs/performance.md', import.meta.url)
const KINDS: Kind[] = ['a user’s', 'a group’s', 'the giant’s']

export interface Row extends Measured, Omit<Case, 'path'> {
  tries: number
  /** Were the processors left alone before it? */
  was_quiet: boolean
  /** Undefined: a case of a list. */
  kind?: Kind
}

export type LongRow = Measured & { name: string; peak: number }

type Memory = ReturnType<Client['memory']>
export type MemoryOverTime = Record<'started' | 'listed' | 'again' | 'long', Memory>

/** Puts what was measured into docs/performance.md. */
export function writeTables(rows: Row[], long: LongRow[], memory: MemoryOverTime): void {
  const table = [
    aboutTheMachine(rows),
    '',
    '### Lists',
    '',
    '| list | p50 | p95 | most |',
    '| --- | ---: | ---: | ---: |',
    ...rows
      .filter(({ kind }) => kind === undefined)
      .map(({ name, p50, p95, max }) => `| ${cell(name)} | ${ms(p50)} | ${ms(p95)} | ${ms(max)} |`),
    '',
    '### Every page and every GET',
    '',
    'p50 / p95. A giant is the project with 200,000 builds; pages that are of no project stand in the first column.',
    '',
    `| read | ${KINDS.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(KINDS.length)}`,
    ...routeRows(rows),
    '',
    '### Memory',
    '',
    ...memoryLines(memory),
    '',
    '| long answers, two at a time | p50 (s) | size (MB) | peak memory so far (MB) |',
    '| --- | ---: | ---: | ---: |',
    ...long.map(
      ({ name, p50, bytes, peak }) =>
        `| ${cell(name)} | ${(p50 / 1000).toFixed(2)} | ${(bytes / 2 ** 20).toFixed(1)} | ${peak.toFixed(0)} |`,
    ),
    '',
  ].join('\n')
  const page = readFileSync(PAGE, 'utf8')
  const block = /(<!-- api -->\n)[^]*?(<!-- \/api -->)/
  if (!block.test(page)) throw new Error('docs/performance.md has no place for the tables')
  writeFileSync(
    PAGE,
    page.replace(block, (_, begin: string, end: string) => `${begin}\n${table}\n${end}`),
  )
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
    `The frontend: ${mb(started.now)} when it started, ${mb(listed.now)} after all of the above, ${mb(again.now)} after all of it once more,`,
    `${mb(long.now)} after the following; at most ${mb(listed.peak)}, ${mb(again.peak)} and ${mb(long.peak)}.`,
  ]
}

function ms(value: number): string {
  return value.toFixed(1)
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`)
}
