/** A line of output, and the seconds since the command started. */
export interface StampedLine {
  seconds: number
  text: string
}

/** One run of `make up`, up to the moment when it was ready. */
export interface Start {
  seconds: number
  /** The steps, in the order in which they finished. */
  steps: { title: string; seconds: number }[]
}

/** Splits output into lines and records when each was complete; `now` returns milliseconds. */
export function stampLines(now: () => number): {
  add(text: string): void
  stamped(): StampedLine[]
} {
  const began = now()
  const lines: StampedLine[] = []
  let rest = ''
  return {
    add(text) {
      const complete = (rest + text).split('\n')
      rest = complete.pop() ?? ''
      for (const line of complete) lines.push({ seconds: (now() - began) / 1000, text: line })
    },
    stamped: () => lines,
  }
}

/**
 * Returns the steps of `make up`:
 *
 * - those before the program starts, measured from the lines that announce them
 * - the program's own steps, with the times that it prints
 * - the remaining time, as a separate step
 */
export function readStart(lines: StampedLine[]): Start {
  const end = lines.find(({ text }) => text.startsWith('Ready after'))
  const program = lines.find(({ text }) => /^Copr \S+, data in /.test(text))
  if (!end || !program) throw new Error('The output of make up does not say when it was ready')
  const announced = lines.flatMap(({ seconds, text }) => {
    const [, title] = /^Installing ([\w ]+)/.exec(text) ?? []
    return title !== undefined && seconds <= program.seconds ? [{ title, began: seconds }] : []
  })
  const before = [{ title: 'make', began: 0 }, ...announced].map(({ title, began }, index) => ({
    title,
    seconds: (announced[index]?.began ?? program.seconds) - began,
  }))
  const own = lines.flatMap(({ text }) => {
    const [, title, seconds] = /^ {2}✓ (.+?)(?:: .*)? +([\d.]+) s$/.exec(text) ?? []
    return title === undefined ? [] : [{ title, seconds: Number(seconds) }]
  })
  const steps = [...before, ...own]
  const sum = steps.reduce((total, { seconds }) => total + seconds, 0)
  return {
    seconds: end.seconds,
    steps: [...steps, { title: 'between steps', seconds: Math.max(0, end.seconds - sum) }],
  }
}
