import { createHash } from 'node:crypto'
import type { LogVerdict, SignatureLog } from '@copr/contract/keygen-protocol'
import { sql } from 'kysely'
import type { Db, SignatureRow } from '../key-table.ts'

/** The key of an advisory lock: an arbitrary number, the same in every keygen. */
const LOCK = 7302
const SHOWN = 100
const CHECKED_AT_A_TIME = 1_000
const FIRST = '0'.repeat(64)

/** A log entry that has no ID yet and is not yet in the hash chain. */
export type NewSignature = Omit<SignatureRow, 'id' | 'previous' | 'hash'>

/**
 * Adds an entry to the log. It is called before anything is signed, so every signature has an entry. Each entry contains the hash of the
 * previous one, so changed or removed entries are detected. Returns the entry's hash.
 */
export async function logSignature(db: Db, entry: NewSignature): Promise<string> {
  return await db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(tx)
    const last = await tx
      .selectFrom('keygen.signature')
      .select('hash')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst()
    const previous = last?.hash ?? FIRST
    const hash = hashOf(previous, entry)
    await tx
      .insertInto('keygen.signature')
      .values({ ...entry, previous, hash })
      .execute()
    return hash
  })
}

export async function listSignatures(
  db: Db,
  of: { owner?: string | undefined; project?: string | undefined },
): Promise<SignatureLog['entries']> {
  let query = db.selectFrom('keygen.signature').selectAll().orderBy('id', 'desc').limit(SHOWN)
  if (of.owner !== undefined) query = query.where('owner', '=', of.owner)
  if (of.project !== undefined) query = query.where('project', '=', of.project)
  return (await query.execute()).map((row) => {
    const { caller, owner, project, fingerprint, purpose, names, count, request_id } = row
    const what = { caller, owner, project, fingerprint, purpose, names, count, request_id }
    return { id: Number(row.id), at: row.at.toISOString(), ...what }
  })
}

/** Verifies the hash chain from the first entry to the last. */
export async function checkSignatureLog(db: Db): Promise<LogVerdict> {
  let previous = FIRST
  let entries = 0
  let after = '0'
  for (;;) {
    const rows = await db
      .selectFrom('keygen.signature')
      .selectAll()
      .where('id', '>', after)
      .orderBy('id')
      .limit(CHECKED_AT_A_TIME)
      .execute()
    for (const row of rows) {
      if (row.previous !== previous || row.hash !== hashOf(previous, row))
        return { entries, head: previous, broken_at: Number(row.id) }
      previous = row.hash
      entries++
    }
    const last = rows.at(-1)
    if (!last) return { entries, head: previous, broken_at: null }
    after = last.id
  }
}

function hashOf(previous: string, entry: NewSignature): string {
  const { at, caller, owner, project, fingerprint, purpose, names, digests, count, ticket } = entry
  const said = [at.toISOString(), caller, owner, project, fingerprint, purpose]
  const rest = [names, digests.toString('hex'), count, ticket, entry.request_id]
  return createHash('sha256')
    .update(JSON.stringify([previous, ...said, ...rest]))
    .digest('hex')
}
