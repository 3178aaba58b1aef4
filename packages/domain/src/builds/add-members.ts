import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { noteBuilt } from '../chains/chain-steps.ts'
import { refreshBuild } from '../states/build-state.ts'
import type { TaskRow } from '../queue/leases.ts'
import { endTask, withLeasedTask } from './task-outcomes.ts'

export interface Member {
  /** Relative to the repository's folder. */
  path: string
  sha256: string
  size: number
}

export interface NewMembers {
  /** The current lease of the publish task. */
  lease: string
  packages: { name: string; epoch: number | null; version: string; release: string; arch: string }[]
  members: Member[]
  /** The total size of the results, without the logs: their size is added when the build has ended. */
  result_bytes: number
  /** The BuildRequires of the build and everything that its packages provide; only for builds of a chain. */
  dependencies?: { requires: string[]; provides: string[] } | undefined
  now: Date
}

/**
 * Atomically adds the results of a build chroot to its repository and ends the publish task. A member with the same path is
 * replaced. Returns `canceled` if the build was canceled, undefined if the lease is lost.
 */
export async function addMembers(
  db: Db,
  results: NewMembers,
): Promise<'added' | 'canceled' | undefined> {
  return await withLeasedTask(db, results, async (tx, task) => await add(tx, task, results))
}

async function add(
  tx: Tx,
  task: TaskRow,
  { packages, members, result_bytes, dependencies, now }: NewMembers,
): Promise<'added'> {
  const build_chroot_id = task.build_chroot_id
  if (build_chroot_id === null) throw new Error(`Publish task ${task.id} has no build chroot`)
  await endTask(tx, task, now)
  const repository = await nextGeneration(tx, build_chroot_id)
  await tx.deleteFrom('built_package').where('build_chroot_id', '=', build_chroot_id).execute()
  for (const some of chunks(packages))
    await tx
      .insertInto('built_package')
      .values(some.map((nevra) => ({ ...nevra, build_chroot_id })))
      .execute()
  await tx.deleteFrom('repository_member').where('build_chroot_id', '=', build_chroot_id).execute()
  for (const some of chunks(members))
    await tx
      .insertInto('repository_member')
      .values(some.map((each) => ({ ...each, build_chroot_id, repository_id: repository.id })))
      .onConflict((conflict) =>
        conflict.columns(['repository_id', 'path']).doUpdateSet((eb) => ({
          build_chroot_id: eb.ref('excluded.build_chroot_id'),
          sha256: eb.ref('excluded.sha256'),
          size: eb.ref('excluded.size'),
        })),
      )
      .execute()
  await tx
    .updateTable('build_chroot')
    .set({ repository_id: repository.id, generation: repository.generation, result_bytes })
    .where('id', '=', build_chroot_id)
    .execute()
  if (dependencies) await noteBuilt(tx, build_chroot_id, dependencies)
  await refreshBuild(tx, task.build_id, now)
  await notify(tx, 'copr_repository', String(repository.id))
  return 'added'
}

/**
 * Increments the repository's generation. Creates the repository if it does not exist, which is the case if the chroot was enabled after
 * the directory was created.
 */
async function nextGeneration(
  tx: Tx,
  build_chroot_id: number,
): Promise<{ id: number; generation: number }> {
  const place = await tx
    .selectFrom('build_chroot')
    .innerJoin('build', 'build.id', 'build_chroot.build_id')
    .innerJoin('project', 'project.id', 'build.project_id')
    .select(['build.project_dir_id', 'build_chroot.chroot_id', 'project.devel_mode as is_devel'])
    .where('build_chroot.id', '=', build_chroot_id)
    // Because of the lock, `devel_mode` cannot change until this transaction ends.
    .forShare('project')
    .executeTakeFirstOrThrow()
  return await tx
    .insertInto('repository')
    .values(place)
    .onConflict((conflict) =>
      conflict
        .constraint('repository_place')
        .doUpdateSet((eb) => ({ generation: eb('repository.generation', '+', 1) })),
    )
    .returning(['id', 'generation'])
    .executeTakeFirstOrThrow()
}

/** Splits a list into chunks of 1000, because a PostgreSQL statement can have at most 65,535 parameters. */
function chunks<T>(list: T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / 1000) }, (_, i) =>
    list.slice(i * 1000, (i + 1) * 1000),
  )
}
