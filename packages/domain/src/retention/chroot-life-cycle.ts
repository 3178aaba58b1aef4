import { CoprError } from '@copr/process/errors'
import type { ChrootConfig } from '@copr/contract/chroot-config'
import { audit } from '../audit/audit.ts'
import { cancelBuildsOfChroot } from '../builds/cancel-chroot.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import { type Chroot, importChroot } from '../chroots/chroot-queries.ts'

/** How long projects keep the data of a chroot that has reached its end of life. */
const KEPT_MS = 180 * 24 * 60 * 60 * 1000

/** A paused chroot keeps all its data; when a chroot is ended, the removal of its data is scheduled. */
export type ChrootState = 'active' | 'paused' | 'ended'

export function chrootState(chroot: Pick<Chroot, 'is_active' | 'ended_at'>): ChrootState {
  if (chroot.is_active) return 'active'
  return chroot.ended_at === null ? 'paused' : 'ended'
}

/** Lists all chroots of the site, in any state. */
export async function listChroots(db: Db): Promise<Chroot[]> {
  return await db.selectFrom('chroot').selectAll().orderBy('name').execute()
}

/** Adds a chroot, or replaces the configuration of the one with that name. */
export async function addChroot(
  db: Db,
  actor: Actor,
  config: ChrootConfig,
  now: Date,
): Promise<Chroot> {
  return await db.transaction().execute(async (tx) => {
    const chroot = await importChroot(tx, config, now)
    const subject = `chroot ${config.name}`
    await audit(tx, actor, { action: 'chroot.import', subject, details: { config } }, now)
    return chroot
  })
}

/** Makes a chroot active again, and cancels the removal of data that was scheduled when the chroot was ended. */
export async function enableChroot(db: Db, actor: Actor, name: string, now: Date): Promise<Chroot> {
  return await change(db, actor, { name, action: 'chroot.enable', now }, async (tx, chroot) => {
    if (chroot.ended_at !== null)
      await tx
        .updateTable('project_chroot')
        .set({ delete_after: null })
        .where('chroot_id', '=', chroot.id)
        .where('is_enabled', '=', true)
        .execute()
    return { is_active: true, ended_at: null }
  })
}

/** Pauses a chroot: it accepts no new builds until it is enabled again. Its data and its running builds are kept. */
export async function pauseChroot(db: Db, actor: Actor, name: string, now: Date): Promise<Chroot> {
  return await change(db, actor, { name, action: 'chroot.pause', now }, async () => ({
    is_active: false,
  }))
}

/** Ends a chroot: cancels its unfinished builds, and schedules the removal of its data after `KEPT_MS`. */
export async function endChroot(db: Db, actor: Actor, name: string, now: Date): Promise<Chroot> {
  return await change(
    db,
    actor,
    { name, action: 'chroot.end', now },
    async (tx, { id, ended_at }) => {
      if (ended_at !== null)
        throw new CoprError('conflict', `Chroot ${name} has reached its end of life already`)
      await cancelBuildsOfChroot(tx, id, now)
      await tx
        .updateTable('project_chroot')
        .set({ delete_after: new Date(now.getTime() + KEPT_MS) })
        .where('chroot_id', '=', id)
        .where('is_enabled', '=', true)
        .where('delete_after', 'is', null)
        .execute()
      return { is_active: false, ended_at: now }
    },
  )
}

export async function commentChroot(
  db: Db,
  actor: Actor,
  name: string,
  { comment, now }: { comment: string; now: Date },
): Promise<Chroot> {
  return await change(db, actor, { name, action: 'chroot.comment', now }, async () => ({ comment }))
}

type Changes = Partial<Pick<Chroot, 'is_active' | 'ended_at' | 'comment'>>

async function change(
  db: Db,
  actor: Actor,
  { name, action, now }: { name: string; action: string; now: Date },
  changesOf: (tx: Tx, chroot: Chroot) => Promise<Changes>,
): Promise<Chroot> {
  return await db.transaction().execute(async (tx) => {
    const chroot = await tx
      .selectFrom('chroot')
      .selectAll()
      .where('name', '=', name)
      // Uses `for no key update`, because `for update` could deadlock with a transaction that holds a build's lock and inserts a row for
      // this chroot.
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (!chroot) throw new CoprError('not_found', `Chroot ${name} does not exist`)
    const changes = await changesOf(tx, chroot)
    const changed = await tx
      .updateTable('chroot')
      .set(changes)
      .where('id', '=', chroot.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const { is_active: _, ended_at: __, ...details } = changes
    await audit(tx, actor, { action, subject: `chroot ${name}`, details }, now)
    return changed
  })
}
