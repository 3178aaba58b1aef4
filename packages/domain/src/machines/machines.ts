import { createHash, randomBytes } from 'node:crypto'
import type { TaskKind } from '@copr/contract/builder-protocol'
import type { Db } from '../database/open.ts'
import { noteStart } from '../pools/offerings.ts'
import { type Machine, moveMachineIn } from '../states/machine-state.ts'

export const newToken = (): string => randomBytes(32).toString('base64url')
export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Only dist-git itself imports. */
export const BUILDER_KINDS: readonly TaskKind[] = ['source', 'rpm']

export interface NewMachine {
  pool: string
  name: string
  /** All that it may ever do. Default: those of builders. */
  kinds?: readonly TaskKind[]
  /** Default: those that it reports when it enrolls. */
  arches?: readonly string[] | undefined
  tags?: readonly string[] | undefined
  now: Date
}

/** Writes down that a machine that nobody manages is about to start. It enrols with the token, once. */
export async function createMachine(
  db: Db,
  { pool, name, kinds = BUILDER_KINDS, arches, tags, now }: NewMachine,
): Promise<{ machine_id: number; enroll_token: string }> {
  const enroll_token = newToken()
  const { id } = await db
    .insertInto('machine')
    .values({
      pool,
      name,
      state: 'booting',
      planned_kinds: [...kinds],
      planned_arches: arches ? [...arches] : null,
      planned_tags: tags ? [...tags] : null,
      enroll_token_hash: hashOf(enroll_token),
      created_at: now,
      booting_at: now,
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
  /** Measured by the self-test of the machine, without swap. */
  memory_mb?: number | undefined
  now: Date
}

/**
 * Exchanges the enrolment token for a session token; undefined when it is unknown or was used before. A machine may never do
 * more than was written down when its token was made. It may enrol before its provider has answered.
 */
export async function enrollMachine(
  db: Db,
  enrolment: Enrolment,
): Promise<{ machine_id: number; session_token: string } | undefined> {
  const session_token = newToken()
  return await db.transaction().execute(async (tx) => {
    const known = await tx
      .selectFrom('machine')
      .selectAll()
      .where('enroll_token_hash', '=', hashOf(enrolment.enroll_token))
      .where('state', 'in', ['launching', 'booting'])
      .forUpdate()
      .executeTakeFirst()
    if (!known) return undefined
    const { now, memory_mb = null } = enrolment
    const set = {
      ...capabilitiesOf(known, enrolment),
      memory_mb,
      enroll_token_hash: null,
      launch_order: null,
      session_token_hash: hashOf(session_token),
      enrolled_at: now,
      last_seen_at: now,
    }
    await moveMachineIn(tx, known, { to: 'ready', now, set })
    if (known.provider !== null) await noteStart(tx, known, now)
    return { machine_id: known.id, session_token }
  })
}

/** A machine of a pool keeps the name that its provider and the tables know. */
function capabilitiesOf(
  { provider, name: planned_name, planned_kinds, planned_arches, planned_tags }: Machine,
  { name, kinds, arches, tags }: Enrolment,
): { name: string; kinds: string[]; arches: string[]; tags: string[] } {
  const both = (said: string[], planned: readonly string[] | null): string[] =>
    planned ? said.filter((each) => planned.includes(each)) : said
  return {
    name: provider === null ? name : planned_name,
    kinds: both(kinds, planned_kinds),
    arches: both(arches, planned_arches),
    tags: both(tags, planned_tags),
  }
}

/** A busy machine sends four requests a second: that it was seen is written at most this often. */
const SEEN_MS = 5000

/** The living machine of a session token, noted as seen. One that is drained may end what it does. */
export async function machineOfSession(
  db: Db,
  session_token: string,
  now: Date,
): Promise<Machine | undefined> {
  const machine = await db
    .selectFrom('machine')
    .selectAll()
    .where('session_token_hash', '=', hashOf(session_token))
    .where('state', 'in', ['ready', 'draining'])
    .executeTakeFirst()
  if (!machine || now.getTime() - (machine.last_seen_at?.getTime() ?? 0) < SEEN_MS) return machine
  await db.updateTable('machine').set({ last_seen_at: now }).where('id', '=', machine.id).execute()
  return { ...machine, last_seen_at: now }
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

/** May the machine have this task? What was fixed at its enrollment counts, as it is now. */
export function mayHaveTask(
  { planned_kinds, planned_arches }: Machine,
  { kind, arch }: { kind: string; arch: string | null },
): boolean {
  return (
    planned_kinds.includes(kind) &&
    (planned_arches === null || arch === null || planned_arches.includes(arch))
  )
}
