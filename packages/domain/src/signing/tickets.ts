import { createHash, randomUUID } from 'node:crypto'
import { CoprError } from '@copr/process/errors'
import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import { lockLeased } from '../queue/leases.ts'

export interface BuildTicket {
  /** The lease of the publish task. */
  lease: string
  /** Number of the chunk, counted from 0: a build with many packages is signed in several chunks. */
  part: number
  digests: string[]
}

/**
 * Issues a ticket with which packages of a build chroot can be signed while its results are being published. Requires the lease on the
 * publish task, and permits no more digests than the number of packages that the builder has uploaded. Keygen accepts each ticket only
 * once.
 */
export async function issueBuildTicket(
  db: Db,
  { lease, part, digests }: BuildTicket,
): Promise<string> {
  return await db.transaction().execute(async (tx) => {
    const task = await lockLeased(tx, lease)
    if (!task || task.kind !== 'publish' || task.build_chroot_id === null)
      throw new CoprError('conflict', 'Cannot issue a ticket: no publish task has this lease')
    const { build_chroot_id, build_id, task_id } = task
    const { project_id } = await tx
      .selectFrom('build')
      .select('project_id')
      .where('id', '=', build_id)
      .executeTakeFirstOrThrow()
    // If a chunk is signed again, for example after a crash, the new ticket replaces the previous one.
    await tx
      .deleteFrom('sign_ticket')
      .where('build_chroot_id', '=', build_chroot_id)
      .where('part', '=', part)
      .execute()
    const { signed } = await tx
      .selectFrom('sign_ticket')
      .select(sql<string>`coalesce(sum(count), 0)`.as('signed'))
      .where('build_chroot_id', '=', build_chroot_id)
      .executeTakeFirstOrThrow()
    const packages = (task.payload ?? []).filter(({ name }) => name.endsWith('.rpm')).length
    if (Number(signed) + digests.length > packages)
      throw new CoprError(
        'conflict',
        `Cannot issue a ticket for build ${task_id}: it has ${packages} packages, not ${Number(signed) + digests.length}`,
      )
    const subject = { project_id, build_id, task_id, build_chroot_id, part }
    return await insertTicket(tx, subject, digests)
  })
}

/** Issues a ticket to sign the index of a repository that is to be published. Keygen accepts each ticket once. */
export async function issueIndexTicket(
  db: Db,
  { repository_id, digests }: { repository_id: number; digests: string[] },
): Promise<string> {
  return await db.transaction().execute(async (tx) => {
    const repository = await tx
      .selectFrom('repository')
      .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
      .select(['project_dir.project_id'])
      .where('repository.id', '=', repository_id)
      .whereRef('repository.generation', '>', 'repository.published_generation')
      .executeTakeFirst()
    if (!repository || digests.length !== 1)
      throw new CoprError(
        'conflict',
        'Cannot issue a ticket: this repository has no unpublished changes',
      )
    await tx.deleteFrom('sign_ticket').where('repository_id', '=', repository_id).execute()
    return await insertTicket(tx, { ...repository, repository_id }, digests)
  })
}

interface Subject {
  project_id: number
  build_id?: number
  task_id?: string
  build_chroot_id?: number
  repository_id?: number
  part?: number
}

async function insertTicket(tx: Db, subject: Subject, signed: string[]): Promise<string> {
  const id = randomUUID()
  const digests = createHash('sha256').update(signed.join('\n')).digest()
  await tx
    .insertInto('sign_ticket')
    .values({ id, ...subject, digests, count: signed.length })
    .execute()
  return id
}

/** Deletes tickets issued before a time; keygen's signature log records their use. */
export async function dropOldTickets(db: Db, before: Date): Promise<void> {
  await db.deleteFrom('sign_ticket').where('issued_at', '<', before).execute()
}
