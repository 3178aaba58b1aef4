import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'
import { lockManagerLease } from '../pools/manager-lease.ts'
import type { LaunchOrder } from '../database/launch-order.ts'
import { addEvent } from '../states/machine-events.ts'
import { hashOf, newToken } from './machines.ts'
import type { Machine } from '../states/machine-state.ts'

export interface NewMachine {
  pool: string
  provider: string
  /** Builds the machine's name from its id and its id in the pool. */
  name: (facts: { id: number; id_in_pool: number }) => string
  offering: LaunchOrder['offering']
  boot: Omit<LaunchOrder['boot'], 'enroll_token' | 'name'>
  named_counters: string[]
  why: string
}

/**
 * Inserts rows for machines that are to be started, with all parameters of their launch. Does nothing and returns false if
 * another manager holds the lease.
 */
export async function planMachines(
  db: Db,
  wanted: readonly NewMachine[],
  { holder, now }: { holder: string; now: Date },
): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    if (!(await lockManagerLease(tx, holder, now))) return false
    for (const each of wanted) await planMachine(tx, each, now)
    return true
  })
}

async function planMachine(tx: Tx, wanted: NewMachine, now: Date): Promise<void> {
  const enroll_token = newToken()
  const id_in_pool = await smallestFreeId(tx, wanted.pool)
  const { id } = await tx
    .insertInto('machine')
    .values({
      pool: wanted.pool,
      provider: wanted.provider,
      name: '',
      state: 'planned',
      id_in_pool,
      counters: JSON.stringify(await smallestFreeCounters(tx, wanted.named_counters)),
      offering: wanted.offering.name,
      price_per_hour: wanted.offering.price_per_hour,
      enroll_token_hash: hashOf(enroll_token),
      planned_arches: [...wanted.boot.arches],
      planned_tags: [...wanted.boot.tags],
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const name = wanted.name({ id, id_in_pool })
  const boot = { ...wanted.boot, enroll_token, name }
  const order: LaunchOrder = { offering: wanted.offering, boot }
  await tx
    .updateTable('machine')
    .set({ name, launch_token: newLaunchToken(id), launch_order: JSON.stringify(order) })
    .where('id', '=', id)
    .execute()
  await addEvent(tx, { id, pool: wanted.pool }, 'planned', wanted.why, now)
}

/** Returns a token for idempotent launch requests, unique per attempt. EC2 accepts at most 64 characters. */
function newLaunchToken(machine_id: number): string {
  return `${machine_id}-${randomUUID()}`
}

/**
 * Returns the columns to set for another launch attempt, after one has definitely failed. Because the token is new, the provider treats the
 * next attempt as a new request.
 */
export function nextAttempt(
  { id, launch_order }: Machine,
  offering: LaunchOrder['offering'],
): { offering: string; price_per_hour: number; launch_token: string; launch_order: string } {
  if (!launch_order)
    throw new Error(`Cannot retry the start of machine ${id}: its launch order has been deleted`)
  return {
    offering: offering.name,
    price_per_hour: offering.price_per_hour,
    launch_token: newLaunchToken(id),
    launch_order: JSON.stringify({ ...launch_order, offering }),
  }
}

async function smallestFreeId(tx: Tx, pool: string): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    select min(n)::int as id from generate_series(0, (
      select count(*) from machine where pool = ${pool} and state <> 'gone')) as n
    where not exists (select from machine where pool = ${pool} and state <> 'gone' and id_in_pool = n)`.execute(
    tx,
  )
  return rows[0]?.id ?? 0
}

/**
 * Returns, for each counter, the smallest value that no machine of any pool uses. Races are impossible because the caller holds the
 * manager's lease.
 */
async function smallestFreeCounters(tx: Tx, names: string[]): Promise<Record<string, number>> {
  const counters: Record<string, number> = {}
  for (const name of names) {
    const { rows } = await sql<{ value: number }>`
      select (counters ->> ${name})::int as value from machine
      where state <> 'gone' and counters ? ${name}`.execute(tx)
    const used = new Set(rows.map((row) => row.value))
    let value = 0
    while (used.has(value)) value++
    counters[name] = value
  }
  return counters
}
