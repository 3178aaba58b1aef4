import type { SpecResult } from './build-specs.ts'
import type { Verdict } from './verdict.ts'

const WORDS: Record<Verdict, string> = {
  built: 'built',
  missing: 'package missing',
  spec: "spec's fault",
  ours: 'ours',
}
const MAX_REASON = 160

export function renderRow({ name, version, verdict, seconds, reason }: SpecResult): string {
  const short = reason.replaceAll(/\s+/g, ' ').slice(0, MAX_REASON)
  return `${name.padEnd(34)} ${version.padEnd(16)} ${WORDS[verdict].padEnd(15)} ${String(seconds).padStart(4)} s  ${short}`.trimEnd()
}

export function renderSummary(results: SpecResult[]): string {
  const count = (verdict: Verdict): number =>
    results.filter((one) => one.verdict === verdict).length
  const share = (part: number, whole: number): string =>
    whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`
  const lines = (Object.keys(WORDS) as Verdict[]).map(
    (verdict) =>
      `${WORDS[verdict].padEnd(16)} ${String(count(verdict)).padStart(4)}  ${share(count(verdict), results.length)}`,
  )
  const possible = results.length - count('missing')
  return [
    `${results.length} specs`,
    ...lines,
    `${count('built')} of the ${possible} specs whose packages exist were built: ${share(count('built'), possible)}`,
  ].join('\n')
}

/** Returns the packages that most specs lack, each with the number of specs that lack it. */
export function renderMissing(results: SpecResult[]): string {
  const counts = new Map<string, number>()
  for (const { verdict, reason } of results) {
    if (verdict !== 'missing') continue
    for (const one of reason.replace(/;.*/, '').split(', '))
      counts.set(one, (counts.get(one) ?? 0) + 1)
  }
  return [...counts]
    .toSorted(([a, first], [b, second]) => second - first || (a < b ? -1 : 1))
    .slice(0, 40)
    .map(([name, count]) => `${String(count).padStart(4)}  ${name}`)
    .join('\n')
}
