import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'
import { sql } from 'kysely'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { notify } from '../database/notify.ts'
import type { Db } from '../database/open.ts'

/** A repository with what is needed to render its index. */
export interface IndexedRepository {
  id: number
  generation: number
  published_generation: number
  project_id: number
  ownername: string
  projectname: string
  dirname: string
  chroot: string
  is_devel: boolean
  /** Does the project have devel repositories at all? */
  devel_mode: boolean
  key_algorithm: KeyAlgorithm
  public_key: string | null
  /** Public keys that signed the packages which this project took over as a fork. */
  inherited_keys: string[]
  key_fingerprint: string | null
}

/** The repositories whose published index is behind, the longest waiting first. Those of deleted projects are left alone. */
export async function unpublishedRepositories(db: Db): Promise<number[]> {
  const rows = await db
    .selectFrom('repository')
    .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
    .innerJoin('project', 'project.id', 'project_dir.project_id')
    .select('repository.id')
    .whereRef('repository.generation', '>', 'repository.published_generation')
    .where('project.deleted_at', 'is', null)
    .orderBy('repository.published_at', (order) => order.asc().nullsFirst())
    .orderBy('repository.id')
    .limit(1000)
    .execute()
  return rows.map(({ id }) => id)
}

/** Undefined when the repository or its project is gone. */
export async function loadIndexedRepository(
  db: Db,
  id: number,
): Promise<IndexedRepository | undefined> {
  return await db
    .selectFrom('repository')
    .innerJoin('project_dir', 'project_dir.id', 'repository.project_dir_id')
    .innerJoin('project', 'project.id', 'project_dir.project_id')
    .innerJoin('chroot', 'chroot.id', 'repository.chroot_id')
    .select([
      'repository.id',
      'repository.generation',
      'repository.published_generation',
      'project.id as project_id',
      'project.ownername',
      'project.name as projectname',
      'project_dir.name as dirname',
      'chroot.name as chroot',
      'repository.is_devel',
      'project.devel_mode',
      'project.key_algorithm',
      'project.public_key',
      'project.inherited_keys',
      'project.key_fingerprint',
    ])
    .where('repository.id', '=', id)
    .where('project.deleted_at', 'is', null)
    .executeTakeFirst()
}

/** The packages of a repository, ordered by their path below its folder. At least those of the generation read before. */
export async function repositoryMembers(
  db: Db,
  repository_id: number,
): Promise<{ path: string; sha256: string; size: number }[]> {
  return await db
    .selectFrom('repository_member')
    .select(['path', 'sha256', 'size'])
    .where('repository_id', '=', repository_id)
    .orderBy('path')
    .execute()
}

/** Any number that nobody else uses for advisory locks. */
const LOCK_CLASS = 0x636f7072

/**
 * Runs `use` while nobody else, in any process, does so for this repository. False when somebody does.
 * `stillLocked` throws when the connection that holds the lock is gone.
 */
export async function withRepositoryLock(
  db: Db,
  repository_id: number,
  use: (stillLocked: () => Promise<void>) => Promise<void>,
): Promise<boolean> {
  return await db.connection().execute(async (connection) => {
    const { rows } = await sql<{ locked: boolean }>`
      select pg_try_advisory_lock(${LOCK_CLASS}::int, ${repository_id}::int) as locked`.execute(
      connection,
    )
    if (!rows[0]?.locked) return false
    try {
      await use(async () => void (await sql`select 1`.execute(connection)))
    } finally {
      // A connection that is gone has taken the lock with it.
      await sql`select pg_advisory_unlock(${LOCK_CLASS}::int, ${repository_id}::int)`
        .execute(connection)
        .catch(() => undefined)
    }
    return true
  })
}

export interface PublishedBuild {
  build_id: number
  build_chroot_id: number
}

/**
 * The index of this generation is visible: what is in it is installable, and its builds have succeeded.
 * Returns these builds.
 */
export async function markPublished(
  db: Db,
  { repository_id, generation, now }: { repository_id: number; generation: number; now: Date },
): Promise<PublishedBuild[]> {
  await db
    .updateTable('repository')
    .set({ published_generation: generation, published_at: now })
    .where('id', '=', repository_id)
    .where('published_generation', '<', generation)
    .execute()
  const waiting = await db
    .selectFrom('build_chroot')
    .select(['id as build_chroot_id', 'build_id'])
    .where('repository_id', '=', repository_id)
    .where('generation', '<=', generation)
    .where('state', '=', 'running')
    .orderBy('build_id')
    .execute()
  const published: PublishedBuild[] = []
  for (const build of waiting) if (await succeed(db, build, now)) published.push(build)
  return published
}

/** One build a transaction: none waits for the others' locks. */
async function succeed(db: Db, build: PublishedBuild, now: Date): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    if (!(await lockBuild(tx, build.build_id))) return false
    const set = { state_reason: null, ended_at: now }
    const moved = await moveChroots(tx, [build.build_chroot_id], { to: 'succeeded', set })
    if (moved.length === 0) return false
    await refreshBuild(tx, build.build_id, now)
    return true
  })
}

/** Published builds that a program which was killed did not mark: their repository has their generation already. */
export async function repositoriesWithUnmarkedBuilds(
  db: Db,
): Promise<{ id: number; published_generation: number }[]> {
  return await db
    .selectFrom('build_chroot')
    .innerJoin('repository', 'repository.id', 'build_chroot.repository_id')
    .select(['repository.id', 'repository.published_generation'])
    .distinct()
    .where('build_chroot.state', '=', 'running')
    .whereRef('build_chroot.generation', '<=', 'repository.published_generation')
    .execute()
}

/** Asks for a new index though the members are the same: its files have been lost or removed. */
export async function republish(db: Db, repository_ids: number[]): Promise<void> {
  if (repository_ids.length === 0) return
  await db
    .updateTable('repository')
    .set((eb) => ({ generation: eb('generation', '+', 1) }))
    .where('id', 'in', repository_ids)
    .execute()
  await notify(db, 'copr_repository')
}
