import { Gauge, type Registry } from 'prom-client'

export type Metrics = Registry

/** One value of a gauge at the time of a scrape; labels are in the order of the metric's label names. */
export interface Sample {
  labels: string[]
  value: number
}

export interface GaugeDescription {
  name: string
  help: string
  labelNames: string[]
}

/** Adds a gauge that is read at each scrape. If it cannot be read, it has no samples; other gauges are not affected. */
export function addGauge(
  metrics: Metrics,
  { name, help, labelNames }: GaugeDescription,
  read: () => Promise<Sample[]> | Sample[],
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [metrics],
    async collect() {
      const samples = await readSamples(read)
      // From here on there must be no await, because concurrent scrapes would mix their samples.
      this.reset()
      // After a reset, a gauge without labels has the value 0, which would be wrong here.
      if (labelNames.length === 0) this.remove()
      for (const { labels, value } of samples) this.labels(...labels).set(value)
    },
  })
}

/**
 * Reads samples; returns none on failure. If it rejected instead, the whole scrape would fail, at a time when the other metrics are needed
 * most.
 */
async function readSamples(read: () => Promise<Sample[]> | Sample[]): Promise<Sample[]> {
  try {
    return await read()
  } catch {
    return []
  }
}
