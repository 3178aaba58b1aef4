import type { Tx } from '../database/open.ts'

/** Background builds wait until nothing else does. */
export const BACKGROUND = 1000

export interface NewTask {
  kind: 'source' | 'import' | 'rpm' | 'publish'
  build: { id: number }
  build_chroot: { id: number; chroot_name: string; arch: string; tags: string[] } | undefined
  /** Publish tasks: the verified files. */
  payload?: string
}

/** Puts a task into the queue. The caller notifies `copr_queue` (or `copr_publish`) once. */
export async function insertTask(
  tx: Tx,
  { kind, build, build_chroot, payload }: NewTask,
  now: Date,
): Promise<void> {
  const facts = await tx
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .leftJoin('user_account', 'user_account.id', 'build.submitter_id')
    .select([
      'project.id',
      'project.ownername',
      'project.name',
      'user_account.username',
      'build.is_background',
    ])
    .where('build.id', '=', build.id)
    .executeTakeFirstOrThrow()
  await tx
    .insertInto('task')
    .values({
      task_id: build_chroot ? `${build.id}-${build_chroot.chroot_name}` : String(build.id),
      kind,
      build_id: build.id,
      build_chroot_id: build_chroot?.id ?? null,
      arch: kind === 'rpm' ? (build_chroot?.arch ?? null) : null,
      tags: kind === 'rpm' ? (build_chroot?.tags ?? []) : [],
      ownername: facts.ownername,
      project_id: facts.id,
      sandbox: `${facts.ownername}/${facts.name}--${facts.username ?? 'webhook'}`,
      priority: facts.is_background ? BACKGROUND : 0,
      queued_at: now,
      payload: payload ?? null,
    })
    .execute()
}
