import { html } from 'hono/html'
import { secondsText } from '../pages/parts.ts'
import type { Html } from '../pages/view.ts'

const WIDTH = 200
/** Number of `phase-N` color classes in site.css. */
const COLORS = 6

/** Renders the durations of the phases as a bar with a legend. It is SVG because the Content-Security-Policy forbids style attributes. */
export function timeBar(seconds: Record<string, number>): Html {
  // The longest phase comes first, because the database does not keep the order of the phases.
  const phases = Object.entries(seconds)
    .filter(([, value]) => value >= 0.05)
    .toSorted(([, a], [, b]) => b - a)
  const total = phases.reduce((sum, [, value]) => sum + value, 0)
  if (total === 0) return html``
  let from = 0
  const bars = phases.map(([, value], index) => {
    const width = (value / total) * WIDTH
    const bar = html`<rect
      class="phase-${index % COLORS}"
      x="${from.toFixed(1)}"
      y="0"
      width="${width.toFixed(1)}"
      height="8"
    />`
    from += width
    return bar
  })
  return html`<details class="time-bar">
    <summary>
      <svg
        viewBox="0 0 ${WIDTH} 8"
        width="${WIDTH}"
        height="8"
        role="img"
        aria-label="Duration by phase"
      >
        ${bars}
      </svg>
    </summary>
    <ul>
      ${phases.map(
        ([name, value], index) =>
          html`<li>
            <span class="phase-${index % COLORS} dot" aria-hidden="true">■</span> ${name}:
            ${secondsText(value)}
          </li>`,
      )}
    </ul>
  </details>`
}
