import type { Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { RemovalTable } from '../database/schema.ts'

export type Removal = Selectable<RemovalTable>

export async function wantedRemovals(db: Db, place: Removal['place']): Promise<Removal[]> {
  return await db
    .selectFrom('removal')
    .selectAll()
    .where('place', '=', place)
    .orderBy('id')
    .limit(1000)
    .execute()
}

export async function forgetRemoval(db: Db, id: number): Promise<void> {
  await db.deleteFrom('removal').where('id', '=', id).execute()
}

export interface LivingDir {
  project_dir_id: number
  project_id: number
}

/** Finds the directory with this path if its project has not been deleted; the name of a deleted project may be in use again. */
export async function livingDir(
  db: Db,
  { ownername, dirname }: { ownername: string; dirname: string },
): Promise<LivingDir | undefined> {
  return await db
    .selectFrom('project_dir')
    .innerJoin('project', 'project.id', 'project_dir.project_id')
    .select(['project_dir.id as project_dir_id', 'project.id as project_id'])
    .where('project.ownername', '=', ownername)
    .where('project_dir.name', '=', dirname)
    .where('project.deleted_at', 'is', null)
    .executeTakeFirst()
}

/** Reports whether the package exists in a project that has not been deleted; a package that was deleted may have been added again. */
export async function hasLivingPackage(
  db: Db,
  place: { ownername: string; dirname: string },
  name: string,
): Promise<boolean> {
  const dir = await livingDir(db, place)
  if (!dir) return false
  const found = await db
    .selectFrom('package')
    .select('id')
    .where('project_id', '=', dir.project_id)
    .where('name', '=', name)
    .executeTakeFirst()
  return found !== undefined
}

/** Returns the subset of `build_ids` that belongs to the directory. */
export async function buildsOfDir(
  db: Db,
  project_dir_id: number,
  build_ids: number[],
): Promise<Set<number>> {
  if (build_ids.length === 0) return new Set()
  const rows = await db
    .selectFrom('build')
    .select('id')
    .where('project_dir_id', '=', project_dir_id)
    .where('id', 'in', build_ids)
    .execute()
  return new Set(rows.map(({ id }) => id))
}

/** Lists a directory's repositories for one chroot or for all chroots. */
export async function repositoriesOfDir(
  db: Db,
  project_dir_id: number,
  chroot?: string,
): Promise<{ id: number; is_published: boolean; is_enabled: boolean }[]> {
  let query = db
    .selectFrom('repository')
    .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
    .innerJoin('chroot', 'chroot.id', 'repository.chroot_id')
    .leftJoin('project_chroot', (join) =>
      join
        .onRef('project_chroot.project_id', '=', 'project_dir.project_id')
        .onRef('project_chroot.chroot_id', '=', 'repository.chroot_id'),
    )
    .select(['repository.id', 'generation', 'published_generation', 'project_chroot.is_enabled'])
    .where('project_dir_id', '=', project_dir_id)
  if (chroot !== undefined) query = query.where('chroot.name', '=', chroot)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    is_published: row.published_generation >= row.generation,
    is_enabled: row.is_enabled === true,
  }))
}

export interface EndedBuildChroot {
  ownername: string
  dirname: string
  chroot: string
  result_dir: string
}

export interface EndedSource {
  build_id: number
  ownername: string
  dirname: string
}

/** Lists the builds that finished at or after `since` and whose source build has ended. The files of the source may still be incomplete. */
export async function sourcesEndedSince(db: Db, since: Date): Promise<EndedSource[]> {
  return await db
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .select(['build.id as build_id', 'project.ownername', 'project_dir.name as dirname'])
    .where('build.finished_at', '>=', since)
    .where('build.source_state', 'in', ['succeeded', 'failed', 'canceled'])
    .where('project.deleted_at', 'is', null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('task')
            .select('task.id')
            .whereRef('task.build_id', '=', 'build.id')
            .where('task.build_chroot_id', 'is', null)
            .where('task.state', '=', 'leased'),
        ),
      ),
    )
    .execute()
}

/** Lists the build chroots that ended at or after `since`. Their logs may still be open. */
export async function endedSince(db: Db, since: Date): Promise<EndedBuildChroot[]> {
  const rows = await db
    .selectFrom('build_chroot')
    .innerJoin('build', 'build.id', 'build_chroot.build_id')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select([
      'project.ownername',
      'project_dir.name as dirname',
      'chroot.name as chroot',
      'build_chroot.result_dir',
    ])
    .where('build.finished_at', '>=', since)
    .where('build_chroot.ended_at', '>=', since)
    // Excludes build chroots whose task is still leased: the agent of a canceled build may still be writing the end of its log.
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('task')
            .select('task.id')
            .whereRef('task.build_chroot_id', '=', 'build_chroot.id')
            .where('task.state', '=', 'leased'),
        ),
      ),
    )
    .execute()
  return rows.flatMap(({ result_dir, ...row }) =>
    result_dir === null ? [] : [{ ...row, result_dir }],
  )
}
