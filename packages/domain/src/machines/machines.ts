import { createHash, randomBytes } from 'node:crypto'
import type { TaskKind } from '@copr/contract/builder-protocol'
import type { Db } from '../database/open.ts'
import { noteStart } from '../pools/offerings.ts'
import { type Machine, moveMachineIn } from '../states/machine-state.ts'

export const newToken = (): string => randomBytes(32).toString('base64url')
export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** The kinds of tasks that builders run; `import` tasks are for dist-git only. */
export const BUILDER_KINDS: readonly TaskKind[] = ['source', 'rpm']

export interface NewMachine {
  pool: string
  name: string
  /** The kinds of tasks that the machine may run in its lifetime. Default: `BUILDER_KINDS`. */
  kinds?: readonly TaskKind[]
  /** Default: the architectures that the machine reports when it enrolls. */
  arches?: readonly string[] | undefined
  tags?: readonly string[] | undefined
  now: Date
}

/** Registers an unmanaged machine that is about to start. The machine can enroll once with the returned token. */
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
  /** The memory, without swap, that was measured in the machine's self-test. */
  memory_mb?: number | undefined
  now: Date
}

/**
 * Exchanges the enrollment token for a session token; returns undefined if the token is unknown or used. The machine's
 * capabilities are limited to those that were planned with its token. A machine may enroll before its provider has responded to
 * the launch request.
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

/**
 * Limits the capabilities that a machine reports to the planned ones. A machine of a managed pool keeps its planned name, which its
 * provider knows.
 */
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

/** Minimum time between updates of `last_seen_at`; they are limited because a busy machine sends four requests per second. */
const SEEN_MS = 5000

/**
 * Finds the machine of a session token and updates `last_seen_at`. Draining machines are found, too, because they may finish their tasks.
 */
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

/** Lists the machines of a pool that are not `gone`. */
export async function livingMachines(db: Db, pool: string): Promise<Machine[]> {
  return await db
    .selectFrom('machine')
    .selectAll()
    .where('pool', '=', pool)
    .where('state', '<>', 'gone')
    .execute()
}

/** Reports whether the machine may run this task, given the kinds and architectures that are currently planned for it. */
export function mayHaveTask(
  { planned_kinds, planned_arches }: Machine,
  { kind, arch }: { kind: string; arch: string | null },
): boolean {
  return (
    planned_kinds.includes(kind) &&
    (planned_arches === null || arch === null || planned_arches.includes(arch))
  )
}
