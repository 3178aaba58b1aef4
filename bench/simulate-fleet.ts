/**
 * Simulates a day of Copr's production load on 400 machines: 42,000 builds, of which one user submits 3,000 at once. Some boots fail, some
 * machines are interrupted, and managers are killed. The manager, the claims and PostgreSQL are real; the clouds and the clock are
 * simulated.
 */
import { writeFileSync } from 'node:fs'
import { openDb } from '@copr/domain/database/open'
import {
  linesOf,
  percentile,
  sparkline,
  svgOf,
} from '../packages/resalloc/src/testing/simulation/charts.ts'
import { simulateFleet } from '../packages/resalloc/src/testing/simulation/simulate-fleet.ts'
import { startTestPostgres } from '@copr/testkit/postgres'

const HOURS = Number(process.argv[3] ?? 24)
const SVG = process.argv[2]
const say = (line = ''): void => void process.stdout.write(`${line}\n`)

await using server = await startTestPostgres()
const db = openDb(server.url)
const began = performance.now()
const outcome = await simulateFleet({
  db,
  hours: HOURS,
  builds: (42_000 * HOURS) / 24,
  owners: 200,
  burst: { at_hour: HOURS * 0.4, builds: (3_000 * HOURS) / 24 },
  machines: 400,
  mean_seconds: 420,
  boot_failures: 0.05,
  interruptions: 0.02,
  restart_every_hours: 2,
  tick_seconds: 30,
  onHour(hour, sample) {
    const took = Math.round((performance.now() - began) / 1000)
    const now = sample
      ? `${sample.waiting} wait, ${sample.running} run, ${sample.machines} machines`
      : ''
    process.stderr.write(`hour ${hour.toFixed(0)} (${took} s): ${now}\n`)
  },
})
await db.destroy()

const lines = linesOf(outcome.samples)
for (const { name, values } of lines)
  say(`${name.padEnd(15)} ${sparkline(values, 72)} at most ${Math.max(...values)}`)
say()
const shown = (name: string, values: number[]): void => {
  const [half, most, last] = [50, 95, 100].map((percent) => Math.round(percentile(values, percent)))
  say(`${name}: median ${half} s, 95 % below ${most} s, longest ${last} s`)
}
shown('wait for a machine', outcome.waits)
shown('wait in the burst', outcome.burst_waits)
const cost = [...outcome.cost].map(([pool, amount]) => `${pool} ${amount.toFixed(2)}`)
say(`cost: ${cost.join(', ')}`)
say(
  `machines: ${outcome.machines_made}, ${outcome.boot_failed} failed to boot, ${outcome.interrupted} interrupted`,
)
say(
  `builds: ${outcome.builds} ended, ${outcome.unfinished} did not, ${outcome.doubled} ended twice`,
)
say(
  `managers killed: ${outcome.restarts}; longest time of a machine beyond its use: ${outcome.longest_leftover_seconds} s; orphans: ${outcome.orphans}`,
)
say(`took ${Math.round((performance.now() - began) / 1000)} s`)
if (SVG) writeFileSync(SVG, svgOf(lines, HOURS))
const isGood =
  outcome.unfinished === 0 &&
  outcome.doubled === 0 &&
  outcome.orphans === 0 &&
  outcome.longest_leftover_seconds <= 600
process.exitCode = isGood ? 0 : 1
