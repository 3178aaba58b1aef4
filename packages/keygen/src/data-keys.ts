import { randomBytes, randomUUID } from 'node:crypto'
import type { Logger } from '@copr/process/log'
import { messageOf } from '@copr/process/errors'
import { sql } from 'kysely'
import type { DataKeyRow, Db } from './key-table.ts'
import type { KeyWrapper } from './master-key/key-wrapper.ts'
import { seal, unseal } from './seal.ts'
import { anySecret } from './sealed-secrets.ts'

/** Number of this format. Sealed bytes begin with this number in one byte, followed by the ID of the data key. */
const FORM = 2
const ID_BYTES = 16
/** The key of an advisory lock: an arbitrary number, the same in every keygen. */
const LOCK = 7301

/** Seals and opens secrets with the data keys, which only a master key opens. */
export interface Sealer {
  seal(context: string, secret: Uint8Array): Buffer
  unseal(context: string, sealed: Buffer): Buffer
}

export interface MasterKeys {
  current: KeyWrapper
  previous: KeyWrapper[]
}

/**
 * Opens the data keys; creates the first one if there is none. Data keys that a previous master key wrapped are wrapped again with the
 * current one, so the previous master key is not needed afterwards. If a data key cannot be opened, this fails at startup and not at the
 * first signature.
 */
export async function openDataKeys(db: Db, masters: MasterKeys, log: Logger): Promise<Sealer> {
  const rows = await db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(tx)
    const known = await tx.selectFrom('keygen.data_key').selectAll().orderBy('made_at').execute()
    if (known.length > 0) return known
    const id = randomUUID()
    const key = randomBytes(32)
    const wrapped = await masters.current.wrap(contextOf(id), key)
    const row = { id, master_key: masters.current.id, wrapped, made_at: new Date() }
    await tx.insertInto('keygen.data_key').values(row).execute()
    return [row]
  })
  const keys = new Map<string, Buffer>()
  for (const row of rows) keys.set(hexOf(row.id), await openDataKey(db, row, masters, log))
  const newest = rows.at(-1)
  if (!newest) throw new Error('Cannot seal: there is no data key')
  const sealer = sealerOf(keys, hexOf(newest.id))
  await sealAnew(db, sealer, masters)
  return sealer
}

async function openDataKey(
  db: Db,
  row: DataKeyRow,
  { current, previous }: MasterKeys,
  log: Logger,
): Promise<Buffer> {
  const context = contextOf(row.id)
  const opener = [current, ...previous].find(({ id }) => id === row.master_key)
  if (!opener)
    throw new Error(
      `Cannot decrypt the data key ${row.id}: it was sealed with another master key, ${row.master_key}; name that one under previous_master_keys`,
    )
  const key = await opener.unwrap(context, row.wrapped)
  if (opener === current) return key
  const wrapped = await current.wrap(context, key)
  await db
    .updateTable('keygen.data_key')
    .set({ wrapped, master_key: current.id })
    .where('id', '=', row.id)
    .where('master_key', '=', row.master_key)
    .execute()
  log.info({ data_key: row.id, from: opener.id, to: current.id }, 'Data key wrapped again')
  return key
}

function sealerOf(keys: Map<string, Buffer>, newest: string): Sealer {
  return {
    seal(context, secret) {
      const key = keys.get(newest)
      if (!key) throw new Error('Cannot seal: the data key is missing')
      return Buffer.concat([
        Buffer.from([FORM]),
        Buffer.from(newest, 'hex'),
        seal(key, context, secret),
      ])
    },
    unseal(context, sealed) {
      const key = keys.get(sealed.subarray(1, 1 + ID_BYTES).toString('hex'))
      if (sealed[0] !== FORM || !key)
        throw new Error(`Cannot decrypt ${context}: its data key does not exist`)
      return unseal(key, context, sealed.subarray(1 + ID_BYTES))
    },
  }
}

/** Secrets from versions before 0.2 were sealed with the master key itself, which was a file. Seals them again with a data key. */
async function sealAnew(db: Db, sealer: Sealer, { current, previous }: MasterKeys): Promise<void> {
  for (;;) {
    const found = await anySecret(db, { form: 1 })
    if (!found) return
    const secret = openOld([current, ...previous], found.context, found.sealed_private_key)
    await found.replace(sealer.seal(found.context, secret))
    secret.fill(0)
  }
}

function openOld(masters: KeyWrapper[], context: string, sealed: Buffer): Buffer {
  const faults: unknown[] = []
  for (const { bytes } of masters)
    try {
      if (bytes) return unseal(bytes, context, sealed)
    } catch (error) {
      faults.push(error)
    }
  const why =
    faults.map(messageOf).join('; ') || 'it was sealed with another master key, read from a file'
  throw new Error(`Cannot decrypt ${context}: ${why}`)
}

function contextOf(id: string): string {
  return `data key ${id}`
}

function hexOf(id: string): string {
  return id.replaceAll('-', '')
}
