import type { Sample } from './fleet-scenario.ts'

export interface Line {
  readonly name: string
  readonly color: string
  readonly values: readonly number[]
}

const BARS = ' ▁▂▃▄▅▆▇█'

/** Renders values as one line for a terminal. */
export function sparkline(values: readonly number[], columns: number): string {
  const most = Math.max(...values, 1)
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns)
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns))
    const peak = Math.max(...values.slice(from, to), 0)
    return BARS[Math.ceil((peak / most) * (BARS.length - 1))] ?? ' '
  }).join('')
}

export function linesOf(samples: readonly Sample[]): Line[] {
  return [
    { name: 'waiting builds', color: '#c9190b', values: samples.map((each) => each.waiting) },
    { name: 'machines', color: '#0066cc', values: samples.map((each) => each.machines) },
    { name: 'running builds', color: '#3e8635', values: samples.map((each) => each.running) },
  ]
}

/** Draws each line in a strip of its own; all strips have the same time axis. */
export function svgOf(lines: readonly Line[], hours: number): string {
  const [width, height, gap] = [760, 120, 34]
  const strips = lines.map(({ name, color, values }, row) => {
    const most = Math.max(...values, 1)
    const top = row * (height + gap) + gap
    const points = values.map((value, at) => {
      const x = 40 + (at / Math.max(1, values.length - 1)) * width
      return `${x.toFixed(1)},${(top + height - (value / most) * height).toFixed(1)}`
    })
    return (
      `<text x="40" y="${top - 8}">${name}, at most ${most}</text>` +
      `<path d="M40 ${top}V${top + height}H${width + 40}" fill="none" stroke="#8a8d90"/>` +
      `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="1.5"/>`
    )
  })
  const bottom = lines.length * (height + gap) + 2 * gap
  const ends = `<text x="40" y="${bottom - gap}">0 h</text><text x="${width}" y="${bottom - gap}">${hours} h</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width + 80}" height="${bottom}" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>${strips.join('')}${ends}</svg>\n`
}

/** Returns a percentile of the values: the value that about `percent` percent of them do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0
}
