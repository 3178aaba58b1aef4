import type { ResultFile } from '@copr/contract/builder-protocol'
import type { Tx } from '../database/open.ts'
import type { TaskRow } from './leases.ts'

/** Priority of background builds, which start only when no other task is waiting. */
export const BACKGROUND = 1000

export interface NewTask {
  kind: 'source' | 'import' | 'rpm'
  build: { id: number }
  build_chroot: { id: number; chroot_name: string; arch: string; tags: string[] } | undefined
  /** For source tasks: the chroot whose architecture and tags the machine must have; undefined if any machine will do. */
  machine?: { arch: string; config: { tags: string[] } } | undefined
  /** Whether the task starts as `parked` and waits until its chain queues it. */
  is_parked?: boolean
}

/** Puts a task into the queue. The caller must notify `copr_queue`; once is enough for several tasks. */
export async function insertTask(
  tx: Tx,
  { kind, build, build_chroot, machine, is_parked = false }: NewTask,
  now: Date,
): Promise<void> {
  const needs =
    kind === 'rpm' ? build_chroot : machine && { arch: machine.arch, tags: machine.config.tags }
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
      arch: needs?.arch ?? null,
      tags: needs?.tags ?? [],
      ownername: facts.ownername,
      project_id: facts.id,
      sandbox: sandboxOf(facts),
      priority: facts.is_background ? BACKGROUND : 0,
      queued_at: now,
      ...(is_parked && { state: 'parked' as const }),
    })
    .execute()
}

/** Returns the name of the sandbox to which a build's tasks belong. A machine is reused only for tasks of the same sandbox. */
export function sandboxOf({
  ownername,
  name,
  username,
}: {
  ownername: string
  name: string
  username: string | null
}): string {
  return `${ownername}/${name}--${username ?? 'webhook'}`
}

/**
 * Queues the publication of the files that a leased task has built. Until they are published, they remain staged under that task and its
 * lease. The caller must notify `copr_publish`.
 */
export async function insertPublishTask(
  tx: Tx,
  built: TaskRow,
  files: ResultFile[],
  now: Date,
): Promise<void> {
  const { task_id, build_id, build_chroot_id, ownername, project_id, sandbox, priority } = built
  await tx
    .insertInto('task')
    .values({
      task_id,
      build_id,
      build_chroot_id,
      ownername,
      project_id,
      sandbox,
      priority,
      kind: 'publish',
      queued_at: now,
      payload: JSON.stringify(files),
      staged_task_id: built.id,
      staged_lease: built.lease,
    })
    .execute()
}
