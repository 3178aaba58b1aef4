import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { simulateFleet } from './simulate-fleet.ts'

test('a small fleet survives two hours that include a burst, failing boots, interruptions and restarts', async () => {
  await using t = await openTestDb()
  const outcome = await simulateFleet({
    db: t.db,
    hours: 2,
    builds: 300,
    owners: 10,
    burst: { at_hour: 0.5, builds: 80 },
    machines: 20,
    mean_seconds: 180,
    boot_failures: 0.05,
    interruptions: 0.02,
    restart_every_hours: 0.4,
    tick_seconds: 20,
  })
  assert.ok(outcome.builds >= 298, `${outcome.builds} builds`)
  assert.equal(outcome.unfinished, 0)
  assert.equal(outcome.doubled, 0)
  assert.equal(outcome.orphans, 0)
  assert.ok(outcome.waits.every((seconds) => seconds >= 0))
  assert.ok(outcome.restarts >= 4)
  assert.ok(outcome.samples.every(({ machines }) => machines <= 20))
  assert.ok(outcome.longest_leftover_seconds <= 600, `${outcome.longest_leftover_seconds} s`)
})
