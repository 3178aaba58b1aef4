/** Values of labels, in the order of the metric's label names. */
type Labels = string[]

interface Metric {
  name: string
  help: string
  kind: 'counter' | 'gauge' | 'histogram'
  lines: () => Promise<string[]> | string[]
}

export interface Counter {
  add(labels: Labels, amount?: number): void
}

export interface Histogram {
  observe(labels: Labels, value: number): void
}

/** One value of a gauge at the time of a scrape. */
export interface Sample {
  labels: Labels
  value: number
}

/** The metrics of a program, in the text format of Prometheus. */
export class Metrics {
  readonly #metrics: Metric[] = []

  counter(name: string, help: string, labelNames: string[]): Counter {
    const totals = new Map<string, number>()
    this.#metrics.push({
      name,
      help,
      kind: 'counter',
      lines: () => [...totals].map(([labels, total]) => `${name}${labels} ${total}`),
    })
    return {
      add: (labels, amount = 1) => {
        const key = labelText(labelNames, labels)
        totals.set(key, (totals.get(key) ?? 0) + amount)
      },
    }
  }

  /** Asked for whenever the metrics are. */
  gauge(
    name: string,
    help: string,
    labelNames: string[],
    ask: () => Promise<Sample[]> | Sample[],
  ): void {
    const lines = async (): Promise<string[]> =>
      (await ask()).map(({ labels, value }) => `${name}${labelText(labelNames, labels)} ${value}`)
    this.#metrics.push({ name, help, kind: 'gauge', lines })
  }

  histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram {
    const series = new Map<string, { labels: Labels; counts: number[]; sum: number }>()
    const lines = (): string[] =>
      [...series.values()].flatMap(({ labels, counts, sum }) => {
        const total = counts.at(-1) ?? 0
        const bounds = [...buckets.map(String), '+Inf'].map(
          (le, index) =>
            `${name}_bucket${labelText([...labelNames, 'le'], [...labels, le])} ${counts[index]}`,
        )
        const own = labelText(labelNames, labels)
        return [...bounds, `${name}_sum${own} ${sum}`, `${name}_count${own} ${total}`]
      })
    this.#metrics.push({ name, help, kind: 'histogram', lines })
    return {
      observe(labels, value) {
        const key = labels.join('\0')
        const found = series.get(key) ?? {
          labels,
          counts: Array.from({ length: buckets.length + 1 }, () => 0),
          sum: 0,
        }
        series.set(key, found)
        found.sum += value
        for (const [index, bound] of [...buckets, Infinity].entries())
          if (value <= bound) found.counts[index] = (found.counts[index] ?? 0) + 1
      },
    }
  }

  /** A gauge that cannot be asked now (the database is away) is left out; the others are told. */
  async text(): Promise<string> {
    const blocks = await Promise.all(
      this.#metrics.map(async ({ name, help, kind, lines }) => {
        try {
          const told = await lines()
          return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...told]
        } catch {
          return []
        }
      }),
    )
    return `${blocks.flat().join('\n')}\n`
  }
}

function labelText(names: string[], values: Labels): string {
  if (names.length === 0) return ''
  const pairs = names.map((name, index) => `${name}="${escape(values[index] ?? '')}"`)
  return `{${pairs.join(',')}}`
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
