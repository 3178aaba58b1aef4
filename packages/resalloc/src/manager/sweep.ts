import { addEvent } from '@copr/domain/states/machine-events'
import {
  managedMachines,
  type ManagedMachine,
  machinesById,
  noteAbsent,
  noteListed,
  noteProviderId,
} from '@copr/domain/machines/managed-machines'
import { moveMachine } from '@copr/domain/states/machine-state'
import { forgetSightings, noteRemoval, noteSighting } from '@copr/domain/machines/sightings'
import { noteOfferingFailure } from '@copr/domain/pools/offerings'
import { allPools, setPool } from '@copr/domain/pools/pools'
import { messageOf } from '@copr/process/errors'
import type { ActivePool } from '../pools/pool-set.ts'
import type { Listed } from '../providers/provider.ts'
import { withDeadline } from './calls.ts'
import { deadlinesOf, endMachine, later, type ManagerContext, reach } from './context.ts'
import { secondsSince } from './plan-types.ts'

/** Minimum age in seconds of an orphan. A younger resource may belong to a machine whose row has not been written yet. */
const ORPHAN_SECONDS = 300
/** A start whose response was lost may still take effect for this many seconds. */
const LATE_START_SECONDS = 120
const NO_CAPACITY_SECONDS = 180
const FORGET_SIGHTINGS_SECONDS = 3600

/**
 * Lists an account and compares the listing with the tables. The tables are read after the listing, so that a machine that starts in
 * between is never mistaken for an orphan.
 */
export async function sweepAccount(context: ManagerContext, active: ActivePool): Promise<void> {
  const { db, now, pools } = context
  const { account } = active.desired
  const members = pools.all().filter(({ desired }) => desired.account === account)
  const names = members.map(({ desired }) => desired.name)
  const began = now()
  for (const name of names) await setPool(db, name, { list_tried_at: began })
  let listed: Listed[]
  try {
    listed = await withDeadline(deadlinesOf(context).list, (signal) =>
      Array.fromAsync(active.provider.list(signal)),
    )
  } catch (error) {
    for (const name of names) await setPool(db, name, { list_error: messageOf(error) })
    throw error
  }
  await reach(context, 'listed')
  const machines = (await managedMachines(db)).filter(({ pool }) => names.includes(pool))
  const settle_seconds = Math.max(...members.map(({ desired }) => desired.settle_seconds))
  const sweep = { context, active, began, listed, machines, settle_seconds }
  await judgeMachines(sweep)
  await judgeOrphans(sweep)
  await forgetSightings(db, later(began, -FORGET_SIGHTINGS_SECONDS))
  for (const name of names) await setPool(db, name, { listed_at: began, list_error: null })
}

interface Sweep {
  context: ManagerContext
  active: ActivePool
  /** Time before the listing started. */
  began: Date
  listed: Listed[]
  /** The account's machines that are not gone, read after the listing. */
  machines: ManagedMachine[]
  settle_seconds: number
}

function isOf(listed: Listed, machine: ManagedMachine): boolean {
  if (listed.kind !== 'machine' || listed.machine_id !== machine.id) return false
  if (listed.provider_id === machine.provider_id) return true
  if (listed.launch_token !== undefined) return listed.launch_token === machine.launch_token
  return machine.provider_id === null
}

async function judgeMachines(sweep: Sweep): Promise<void> {
  const { context, began, listed, machines } = sweep
  const byMachine = Map.groupBy(listed, ({ machine_id }) => machine_id)
  const present: number[] = []
  for (const machine of machines) {
    if (machine.state === 'planned') continue
    const found = byMachine.get(machine.id)?.find((each) => isOf(each, machine))
    if (!found) await judgeAbsent(sweep, machine)
    else if (found.state === 'ended') await judgeEnded(context, machine, found)
    else {
      present.push(machine.id)
      await adopt(context, machine, found)
    }
  }
  await noteListed(context.db, present, began)
}

/** Records the provider's ID of a machine whose start was successful although its response was lost. */
async function adopt(
  { db, now, log }: ManagerContext,
  machine: ManagedMachine,
  { provider_id, data }: Listed,
): Promise<void> {
  if (machine.provider_id !== null) return
  await noteProviderId(db, machine, { provider_id, data })
  if (machine.state !== 'launching') return
  await moveMachine(db, machine, { to: 'booting', now: now(), text: `found as ${provider_id}` })
  log.info({ machine_id: machine.id, pool: machine.pool, provider_id }, 'Machine found')
}

async function judgeEnded(
  context: ManagerContext,
  machine: ManagedMachine,
  { cause, message }: Listed,
): Promise<void> {
  const { db, now } = context
  if (machine.state === 'deleting') {
    await moveMachine(db, machine, { to: 'gone', now: now(), text: 'ended' })
    return
  }
  // The next start with this token fails with `token_spent`, and the machine gets another token.
  if (machine.state === 'launching' && machine.provider_id === null) return
  if (cause === 'no_capacity' && machine.offering !== null) {
    const failure = {
      failure_class: cause,
      failure_text: message ?? 'It ended for lack of capacity',
      unavailable_until: later(now(), NO_CAPACITY_SECONDS),
    }
    await noteOfferingFailure(db, { pool: machine.pool, name: machine.offering }, failure, now())
  }
  const isBooting = machine.state === 'booting'
  const isBootFailure = isBooting && cause !== 'interrupted' && cause !== 'no_capacity'
  await endMachine(context, machine, {
    why: CAUSES[cause ?? 'failed'] + (message ? `: ${message}` : ''),
    failure: isBootFailure ? 'boot' : cause === 'interrupted' ? cause : 'lost',
    is_proved: true,
  })
  context.wake()
}

const CAUSES: Record<NonNullable<Listed['cause']>, string> = {
  interrupted: 'Its cloud provider reclaimed it',
  no_capacity: 'Its cloud provider had no capacity for it',
  powered_off: 'It powered itself off',
  stopped: 'It was stopped from outside',
  failed: 'It ended by itself',
}

async function judgeAbsent(sweep: Sweep, machine: ManagedMachine): Promise<void> {
  const { context, began, settle_seconds, active } = sweep
  const { db, now } = context
  const isKnown = machine.provider_id !== null
  const guard = isKnown ? settle_seconds : Math.max(settle_seconds, LATE_START_SECONDS)
  if (secondsSince(machine.booting_at ?? machine.launching_at, began) < guard) return
  if (machine.state === 'deleting') {
    if (machine.stopped_at !== null && machine.stopped_at <= began)
      await moveMachine(db, machine, { to: 'gone', now: now(), text: 'no longer listed' })
    return
  }
  // Only a machine that is known to have existed can be missing. For any other machine, the start is retried.
  if (!isKnown) return
  if (machine.absent_since === null) {
    await noteAbsent(db, machine.id, began)
    return
  }
  // If the machine has sent heartbeats since it was first missing, it exists and the listing was wrong.
  const hasSpoken = machine.last_seen_at !== null && machine.last_seen_at > machine.absent_since
  if (hasSpoken || machine.absent_since >= began) return
  const kind = active.desired.account
  await endMachine(context, machine, {
    why: `It is no longer listed by ${kind}`,
    failure: machine.state === 'booting' ? 'boot' : 'lost',
  })
  context.wake()
}

/** Removes resources that carry this installation's id but whose owner, a machine or a pool, no longer exists. */
async function judgeOrphans(sweep: Sweep): Promise<void> {
  const { context, active, listed, machines, began } = sweep
  const rows = await allPools(context.db)
  const poolsAlive = new Set(rows.filter((row) => !row.retired_at).map((row) => row.name))
  for (const { pool } of machines) poolsAlive.add(pool)
  const living = new Map(machines.map((machine) => [machine.id, machine]))
  const ids = listed.flatMap(({ machine_id }) => machine_id ?? [])
  const known = await machinesById(context.db, [...new Set(ids)])
  for (const each of listed) {
    if (each.state === 'ended') continue
    const owner = each.machine_id === undefined ? undefined : living.get(each.machine_id)
    const isOwned =
      each.machine_id === undefined
        ? each.pool !== undefined &&
          poolsAlive.has(each.pool) &&
          (each.expires_at === undefined || each.expires_at > began)
        : owner !== undefined && (each.kind !== 'machine' || isOf(each, owner))
    if (isOwned) continue
    // The resource may belong to a pool of the same account that this manager has not activated.
    const row = each.machine_id === undefined ? undefined : known.get(each.machine_id)
    if (row && row.state !== 'gone' && !living.has(row.id)) continue
    await judgeOrphan(context, active, each, began, row !== undefined)
  }
}

async function judgeOrphan(
  context: ManagerContext,
  active: ActivePool,
  orphan: Listed,
  began: Date,
  hasRow: boolean,
): Promise<void> {
  const { db, log, now, pools } = context
  const seen = {
    provider: active.desired.config.provider,
    kind: orphan.kind,
    provider_id: orphan.provider_id,
    pool: orphan.pool ?? null,
    machine_id: orphan.machine_id ?? null,
  }
  const sighting = await noteSighting(db, seen, began)
  const age = secondsSince(orphan.created_at ?? sighting.first_seen_at, began)
  if (sighting.sightings < 2 || age < ORPHAN_SECONDS) return
  const { provider } = pools.get(orphan.pool ?? '') ?? active
  const facts = { ...seen, account: active.desired.account }
  try {
    await withDeadline(deadlinesOf(context).stop, (signal) => provider.remove(orphan, signal))
    await noteRemoval(db, seen, { error: null, now: now() })
    const text = `${orphan.kind} ${orphan.provider_id} removed`
    const of = { id: hasRow ? seen.machine_id : null, pool: orphan.pool ?? active.desired.name }
    // Adds the event only at the first attempt, not when the removal is repeated.
    if (sighting.remove_tried_at === null) await addEvent(db, of, 'orphan', text, now())
    log.warn(facts, 'Orphan removed')
  } catch (error) {
    await noteRemoval(db, seen, { error: messageOf(error), now: now() })
    log.error({ ...facts, reason: messageOf(error) }, 'Cannot remove an orphan, retrying')
  }
}
