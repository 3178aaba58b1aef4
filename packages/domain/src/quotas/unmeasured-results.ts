import { type Db } from '../database/open.ts'

/** A results folder whose size on disk has not been measured yet. It belongs to a build chroot, or to the source of a build. */
export interface UnmeasuredResults {
  build_id: number
  /** Null for the folder of the source. */
  build_chroot_id: number | null
  ownername: string
  dirname: string
  chroot: string | null
  /** Null for the folder of a source, and for a build chroot that has no folder. */
  result_dir: string | null
  is_deleted: boolean
}

/**
 * Lists the folders of build chroots and of sources that ended before `before` and whose size has not been measured yet. Returns at most
 * `limit` folders of each kind.
 */
export async function unmeasuredResults(
  db: Db,
  { before, limit }: { before: Date; limit: number },
): Promise<UnmeasuredResults[]> {
  const chroots = await db
    .selectFrom('build_chroot')
    .innerJoin('build', 'build.id', 'build_chroot.build_id')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select([
      'build.id as build_id',
      'build_chroot.id as build_chroot_id',
      'project.ownername',
      'project.deleted_at',
      'project_dir.name as dirname',
      'chroot.name as chroot',
      'build_chroot.result_dir',
    ])
    .where('build_chroot.results_measured', '=', false)
    .where('build_chroot.ended_at', '<', before)
    .orderBy('build_chroot.ended_at')
    .limit(limit)
    .execute()
  const sources = await db
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .select([
      'build.id as build_id',
      'project.ownername',
      'project.deleted_at',
      'project_dir.name as dirname',
    ])
    .where('build.source_measured', '=', false)
    .where('build.finished_at', '<', before)
    .orderBy('build.finished_at')
    .limit(limit)
    .execute()
  return [
    ...chroots.map(({ deleted_at, ...row }) => ({ ...row, is_deleted: deleted_at !== null })),
    ...sources.map(({ deleted_at, ...row }) => ({
      ...row,
      build_chroot_id: null,
      chroot: null,
      result_dir: null,
      is_deleted: deleted_at !== null,
    })),
  ]
}

/**
 * Stores the size of a folder; does nothing if the build was deleted. A trigger adds the change to the storage of the project and
 * its owner.
 */
export async function storeMeasured(
  db: Db,
  { build_id, build_chroot_id, result_dir }: UnmeasuredResults,
  bytes: number,
): Promise<void> {
  if (build_chroot_id === null)
    await db
      .updateTable('build')
      .set({ source_bytes: bytes, source_measured: true })
      .where('id', '=', build_id)
      .execute()
  else
    await db
      .updateTable('build_chroot')
      .set({ result_bytes: bytes, results_measured: true })
      .where('id', '=', build_chroot_id)
      // Its results may have expired since the folder was measured.
      .where('result_dir', 'is not distinct from', result_dir)
      .execute()
}
