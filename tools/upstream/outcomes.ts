import type { ListedTest, Suite } from './list.ts'

/** The outcome of one run of a test; a test that is run several times has several outcomes. */
export interface Outcome {
  suite: Suite
  name: string
  holds: boolean
  /** The assertion, or the error. */
  text: string
}

export interface Verdict {
  suite: Suite
  name: string
  verdict: 'holds' | 'fails' | 'did not run' | 'does not count'
  text: string
}

/** The proportion of tests that must pass. */
const WANTED = 0.95

/**
 * Judges each listed test by its outcomes: the verdict is `holds` if the test ran at least once and every run passed. Tests that are not
 * listed are ignored.
 */
export function judge(list: readonly ListedTest[], outcomes: readonly Outcome[]): Verdict[] {
  const found = Map.groupBy(outcomes, ({ suite, name }) => `${suite}\t${name}`)
  return list.map(({ suite, name, reason }) => {
    if (reason !== undefined) return { suite, name, verdict: 'does not count', text: reason }
    const runs = found.get(`${suite}\t${name}`) ?? []
    const failed = runs.find(({ holds }) => !holds)
    if (runs.length === 0) return { suite, name, verdict: 'did not run', text: '' }
    if (failed) return { suite, name, verdict: 'fails', text: failed.text }
    return { suite, name, verdict: 'holds', text: '' }
  })
}

/** Returns the names of tests that ran but are not listed, for example because they are from another version of upstream. */
export function unlisted(list: readonly ListedTest[], outcomes: readonly Outcome[]): string[] {
  const known = new Set(list.map(({ suite, name }) => `${suite} ${name}`))
  return [...new Set(outcomes.map(({ suite, name }) => `${suite} ${name}`))].filter(
    (each) => !known.has(each),
  )
}

/** Whether enough of the tests that count have passed. */
export function isEnough(verdicts: readonly Verdict[]): boolean {
  const counting = verdicts.filter(({ verdict }) => verdict !== 'does not count')
  const holding = counting.filter(({ verdict }) => verdict === 'holds')
  return counting.length > 0 && holding.length >= WANTED * counting.length
}

/** Renders the table: a row for each suite and for each script of the shell suite, then the tests that failed. */
export function renderTable(verdicts: readonly Verdict[]): string {
  const groups = Map.groupBy(verdicts, groupOf)
  const rows = [...groups, ['all', [...verdicts]] as const].map(([name, members]) =>
    renderRow(name, members),
  )
  const lines = [
    '| tests | hold | fail | did not run | count | % | do not count |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ]
  const failing = verdicts
    .filter(({ verdict }) => verdict === 'fails' || verdict === 'did not run')
    .map(({ suite, name, verdict, text }) => `${suite} ${name}: ${verdict} ${text}`.trimEnd())
  return [...lines, ...rows, '', ...failing, ''].join('\n')
}

function groupOf({ suite, name }: Verdict): string {
  const file = suite === 'shell' ? name.replace(/:\d+$/, '') : name.split(':')[0]
  return `${suite} ${file}`
}

function renderRow(name: string, members: readonly Verdict[]): string {
  const count = (verdict: Verdict['verdict']): number =>
    members.filter((each) => each.verdict === verdict).length
  const excluded = count('does not count')
  const counting = members.length - excluded
  const percent = counting === 0 ? '-' : ((100 * count('holds')) / counting).toFixed(1)
  const cells = [
    name,
    count('holds'),
    count('fails'),
    count('did not run'),
    counting,
    percent,
    excluded,
  ]
  return `| ${cells.join(' | ')} |`
}
