import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDb } from '@copr/testkit/postgres'
import { holdManagerLease, leaveManagerLease } from '../pools/manager-lease.ts'
import { syncPools } from '../pools/pools.ts'
import { poolConfig } from '../testing/pool-config.ts'
import type { Db } from '../database/open.ts'
import { cordonMachine, drainMachine, holdMachine } from './machine-admin.ts'
import { machineEvents, poolEvents } from '../states/machine-events.ts'
import { enrollMachine, machineOfSession } from './machines.ts'
import { managedMachines, noteProviderId } from './managed-machines.ts'
import { changeMachine, moveMachine } from '../states/machine-state.ts'
import { planMachines } from './plan-machine.ts'
import { fixtures } from '../testing/fixtures.ts'

const now = new Date('2026-11-22T12:00:00Z')
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000)

async function plan(db: Db, count: number, named_counters: string[] = []): Promise<boolean> {
  const one = {
    pool: 'p',
    provider: 'command',
    name: ({ id, id_in_pool }: { id: number; id_in_pool: number }) => `p-${id}-${id_in_pool}`,
    offering: { name: 'only', price_per_hour: 1 },
    boot: {
      gateway_url: 'http://gateway',
      arches: ['x86_64'],
      tags: ['big'],
      agent: { sha256: '', node_sha256: {} },
      dead_man: { enroll_seconds: 1, silence_seconds: 1, lifetime_seconds: 1 },
    },
    named_counters,
    why: 'test',
  }
  return await planMachines(db, Array<typeof one>(count).fill(one), { holder: 'me', now })
}

async function withPool(db: Db): Promise<void> {
  await syncPools(db, [{ name: 'p', config: poolConfig({}), cleans: false }], now)
  await holdManagerLease(db, { holder: 'me', now, lease_seconds: 30 })
}

test('planMachines() assigns the smallest free ids and counters, and plans nothing without the lease', async () => {
  await using t = await openTestDb()
  await withPool(t.db)
  assert.ok(await plan(t.db, 3, ['address']))
  const [, second] = await managedMachines(t.db)
  assert.ok(second)
  await moveMachine(t.db, { ...second, state: 'planned' }, { to: 'gone', now })
  assert.ok(await plan(t.db, 2, ['address']))
  const machines = await managedMachines(t.db)
  assert.deepEqual(
    machines.map((each) => [each.id_in_pool, each.counters]),
    [
      [0, { address: 0 }],
      [2, { address: 2 }],
      [1, { address: 1 }],
      [3, { address: 3 }],
    ],
  )
  assert.equal(new Set(machines.map((each) => each.launch_token)).size, 4)
  await leaveManagerLease(t.db, 'me')
  await holdManagerLease(t.db, { holder: 'other', now, lease_seconds: 30 })
  assert.equal(await plan(t.db, 1), false)
})

test('planMachines() does nothing after the lease has expired', async () => {
  await using t = await openTestDb()
  await syncPools(t.db, [{ name: 'p', config: poolConfig({}), cleans: false }], now)
  await holdManagerLease(t.db, { holder: 'me', now: later(-31), lease_seconds: 30 })
  assert.equal(await plan(t.db, 1), false)
  await holdManagerLease(t.db, { holder: 'me', now: later(-30), lease_seconds: 30 })
  assert.equal(await plan(t.db, 1), true)
})

test('noteProviderId() stores the provider id once, and only that of the current launch', async () => {
  await using t = await openTestDb()
  await withPool(t.db)
  await plan(t.db, 1)
  const [machine] = await managedMachines(t.db)
  assert.ok(machine)
  const note = async (launch_token: string | null, provider_id: string): Promise<unknown> => {
    await noteProviderId(t.db, { id: machine.id, launch_token }, { provider_id, data: {} })
    return (await managedMachines(t.db))[0]?.provider_id
  }
  assert.equal(await note('an earlier one', 'i-1'), null)
  assert.equal(await note(machine.launch_token, 'i-2'), 'i-2')
  assert.equal(await note(machine.launch_token, 'i-3'), 'i-2')
})

test('holdManagerLease() gives the lease to one holder at a time, and to the next after it expires', async () => {
  await using t = await openTestDb()
  const hold = (holder: string, at: Date): Promise<boolean> =>
    holdManagerLease(t.db, { holder, now: at, lease_seconds: 10 })
  assert.ok(await hold('a', now))
  assert.equal(await hold('b', later(9)), false)
  assert.ok(await hold('a', later(9)))
  assert.equal(await hold('b', later(15)), false)
  assert.ok(await hold('b', later(20)))
  assert.equal(await hold('a', later(21)), false)
})

test('a machine of a pool enrolls once, with no more capabilities than its pool permits', async () => {
  await using t = await openTestDb()
  await withPool(t.db)
  await plan(t.db, 1)
  const [machine] = await managedMachines(t.db)
  assert.ok(machine?.launch_order)
  const { enroll_token } = machine.launch_order.boot
  const enrol = () =>
    enrollMachine(t.db, {
      enroll_token,
      name: 'whatever',
      kinds: ['source', 'import', 'rpm'],
      arches: ['x86_64', 's390x'],
      tags: ['big', 'admin'],
      now,
    })
  assert.equal(await enrol(), undefined, 'nothing was started yet')
  await moveMachine(t.db, machine, { to: 'launching', now })
  const enrolled = await enrol()
  assert.ok(enrolled)
  assert.equal(await enrol(), undefined)
  const session = await machineOfSession(t.db, enrolled.session_token, now)
  assert.deepEqual(session?.kinds, ['source', 'rpm'])
  assert.deepEqual(session?.arches, ['x86_64'])
  assert.deepEqual(session?.tags, ['big'])
  assert.equal(session?.name, machine.name)
  assert.equal(session?.launch_order, null, 'the token is forgotten')
})

test('moveMachine() does nothing if the machine has changed since it was read, and records each move as an event', async () => {
  await using t = await openTestDb()
  await withPool(t.db)
  await plan(t.db, 1)
  const [machine] = await managedMachines(t.db)
  assert.ok(machine)
  const launching = await moveMachine(t.db, machine, { to: 'launching', now })
  assert.ok(launching)
  assert.equal(await moveMachine(t.db, machine, { to: 'gone', now }), undefined)
  assert.equal(await changeMachine(t.db, machine, { provider_id: 'x' }), undefined)
  const named = await changeMachine(t.db, launching, { provider_id: 'x' })
  assert.equal(named?.state, 'launching')
  assert.equal(await changeMachine(t.db, launching, { provider_id: 'y' }), undefined)
  assert.equal(await moveMachine(t.db, launching, { to: 'gone', now }), undefined)
  await assert.rejects(
    moveMachine(t.db, launching, { to: 'draining', now }),
    /from launching to draining is not allowed/,
  )
  const kinds = (await machineEvents(t.db, machine.id)).map((each) => each.kind)
  assert.deepEqual(kinds, ['planned', 'launching'])
  assert.equal((await poolEvents(t.db, 'p', 1))[0]?.kind, 'launching')
})

test('administrators can drain, cordon and hold only machines that are ready', async () => {
  await using t = await openTestDb()
  await withPool(t.db)
  await plan(t.db, 1)
  const [machine] = await managedMachines(t.db)
  assert.ok(machine)
  const hold = { until: later(3600), reason: 'a look', now }
  await assert.rejects(drainMachine(t.db, machine.id, 'old', now), /not ready/)
  await assert.rejects(cordonMachine(t.db, machine.id, true, now), /not ready/)
  await assert.rejects(holdMachine(t.db, machine.id, hold), /not ready/)
  await moveMachine(t.db, machine, { to: 'launching', now })
  await fixtures(t.db).updateTable('machine').set({ state: 'ready' }).execute()
  await cordonMachine(t.db, machine.id, true, now)
  await holdMachine(t.db, machine.id, hold)
  await drainMachine(t.db, machine.id, 'old', now)
  const [drained] = await managedMachines(t.db)
  assert.deepEqual(
    [drained?.state, drained?.cordoned, drained?.held_reason, drained?.ended_cause],
    ['draining', true, 'a look', 'old'],
  )
})

test('machineOfSession() finds a machine that is draining, but not one that is being deleted', async () => {
  await using t = await openTestDb()
  await withPool(t.db)
  await plan(t.db, 1)
  const [machine] = await managedMachines(t.db)
  const enroll_token = machine?.launch_order?.boot.enroll_token
  assert.ok(machine && enroll_token)
  await moveMachine(t.db, machine, { to: 'launching', now })
  const report = { name: 'm', kinds: ['rpm' as const], arches: [], tags: [], now }
  const enrolled = await enrollMachine(t.db, { enroll_token, ...report })
  assert.ok(enrolled)
  const known = async () => await machineOfSession(t.db, enrolled.session_token, now)
  assert.equal((await known())?.state, 'ready')
  await drainMachine(t.db, machine.id, 'old', now)
  const draining = await known()
  assert.equal(draining?.state, 'draining')
  await moveMachine(t.db, draining, { to: 'deleting', now })
  assert.equal(await known(), undefined)
})
