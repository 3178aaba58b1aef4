import { createHash, randomBytes } from 'node:crypto'
import type { TaskKind } from '@copr/contract/builder-protocol'
import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { MachineTable } from '../database/schema.ts'
import { giveBack } from '../queue/outcomes.ts'

export type Machine = Selectable<MachineTable>

const newToken = (): string => randomBytes(32).toString('base64url')
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Writes down that a machine is about to start. It enrols with the token, once. */
export async function createMachine(
  db: Db,
  { pool, name, now }: { pool: string; name: string; now: Date },
): Promise<{ machine_id: number; enroll_token: string }> {
  const enroll_token = newToken()
  const { id } = await db
    .insertInto('machine')
    .values({
      pool,
      name,
      state: 'starting',
      enroll_token_hash: hashOf(enroll_token),
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { machine_id: id, enroll_token }
}

export interface Enrolment {
  enroll_token: string
  name: string
  kinds: TaskKind[]
  arches: string[]
  tags: string[]
  now: Date
}

/** Exchanges the enrolment token for a session token; undefined when it is unknown or was used before. */
export async function enrollMachine(
  db: Db,
  { enroll_token, name, kinds, arches, tags, now }: Enrolment,
): Promise<{ machine_id: number; session_token: string } | undefined> {
  const session_token = newToken()
  const machine = await db
    .updateTable('machine')
    .set({
      state: 'ready',
      enroll_token_hash: null,
      session_token_hash: hashOf(session_token),
      name,
      kinds,
      arches,
      tags,
      enrolled_at: now,
      last_seen_at: now,
    })
    .where('enroll_token_hash', '=', hashOf(enroll_token))
    .where('state', '=', 'starting')
    .returning('id')
    .executeTakeFirst()
  return machine && { machine_id: machine.id, session_token }
}

/** The living machine of a session token, noted as seen. */
export async function machineOfSession(
  db: Db,
  session_token: string,
  now: Date,
): Promise<Machine | undefined> {
  return await db
    .updateTable('machine')
    .set({ last_seen_at: now })
    .where('session_token_hash', '=', hashOf(session_token))
    .where('state', '=', 'ready')
    .returningAll()
    .executeTakeFirst()
}

/** The machine is no more: its session ends, and what it worked on goes back to the queue at once. */
export async function machineGone(
  db: Db,
  machine_id: number,
  { reason, max_attempts, now }: { reason: string; max_attempts: number; now: Date },
): Promise<void> {
  await db
    .updateTable('machine')
    .set({ state: 'gone', gone_at: now, enroll_token_hash: null, session_token_hash: null })
    .where('id', '=', machine_id)
    .where('state', '<>', 'gone')
    .execute()
  const leased = await db
    .selectFrom('task')
    .select('lease')
    .where('machine_id', '=', machine_id)
    .where('state', '=', 'leased')
    .execute()
  for (const { lease } of leased)
    if (lease !== null) await giveBack(db, lease, { reason, max_attempts, now })
}

/** The machines of a pool that are not gone. */
export async function livingMachines(db: Db, pool: string): Promise<Machine[]> {
  return await db
    .selectFrom('machine')
    .selectAll()
    .where('pool', '=', pool)
    .where('state', '<>', 'gone')
    .execute()
}
