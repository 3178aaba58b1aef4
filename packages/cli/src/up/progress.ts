export interface Step {
  /** Replaces the detail shown after the step's title while it runs, such as `12 of 137`. */
  detail(text: string): void
}

export interface Progress {
  /** Runs a step and shows how long it took; `note` returns a text to add to the step's line. */
  step<T>(title: string, work: (step: Step) => Promise<T>, note?: (result: T) => string): Promise<T>
  say(line?: string): void
}

/** An output stream; if it is a terminal, `isTTY` is true and `columns` is its width. */
interface Terminal {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

const SHOWN_EVERY_MS = 100

/**
 * Shows one line per step. On a terminal, the line is redrawn while the step runs. Elsewhere it is printed when the step ends, and once
 * before that if the step takes long, so that a log stays readable.
 */
export function showProgress(out: Terminal): Progress {
  const isTerminal = out.isTTY === true
  const width = (): number =>
    isTerminal && out.columns !== undefined && out.columns > 40 ? out.columns : 100
  return {
    say: (line = '') => void out.write(`${line}\n`),
    async step(title, work, note) {
      const began = performance.now()
      let detail = ''
      let announced = false
      const seconds = (): string =>
        `${((performance.now() - began) / 1000).toFixed(1)} s`.padStart(8)
      const line = (mark: string, text: string): string => {
        const room = width() - 14
        const words = text.length > room ? `${text.slice(0, room - 1)}…` : text
        return `  ${mark} ${words.padEnd(room)}${seconds()}`
      }
      const redraw = (): void => {
        if (isTerminal) out.write(`\r${line('·', detail ? `${title}: ${detail}` : title)}`)
        else if (!announced && performance.now() - began > 3000) {
          announced = true
          out.write(`  · ${title} …\n`)
        }
      }
      const timer = setInterval(redraw, SHOWN_EVERY_MS)
      const end = (mark: string, text: string): void => {
        clearInterval(timer)
        out.write(`${isTerminal ? '\r' : ''}${line(mark, text)}\n`)
      }
      try {
        const result = await work({ detail: (text) => (detail = text) })
        const added = note?.(result)
        end('✓', added ? `${title}: ${added}` : title)
        return result
      } catch (error) {
        end('✗', title)
        throw error
      }
    },
  }
}
