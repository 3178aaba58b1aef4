import type { Start } from './steps.ts'

interface Pair {
  first: Start
  second: Start
}

/**
 * Returns the lines of a Markdown table with one row per step: the minimum and the median over all runs, for the first and the second
 * start.
 */
export function renderTable(runs: Pair[]): string[] {
  const titles = new Set(
    runs
      .flatMap(({ first, second }) => [...first.steps, ...second.steps])
      .map(({ title }) => title),
  )
  // The remaining time comes last, even if the second start has a step that the first lacks.
  titles.delete('between steps')
  const rows = [...titles, 'between steps'].map((title) =>
    row(title, runs, ({ steps }) => steps.find((step) => step.title === title)?.seconds),
  )
  return [
    '| step | first: least | median | second: least | median |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows,
    row('**until ready**', runs, ({ seconds }) => seconds),
  ]
}

function row(title: string, runs: Pair[], secondsOf: (start: Start) => number | undefined): string {
  const cells = (['first', 'second'] as const).flatMap((which) => {
    const seconds = runs.flatMap((run) => secondsOf(run[which]) ?? [])
    if (seconds.length === 0) return ['', '']
    return [Math.min(...seconds).toFixed(1), medianOf(seconds).toFixed(1)]
  })
  return `| ${title} | ${cells.join(' | ')} |`
}

export function medianOf(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
