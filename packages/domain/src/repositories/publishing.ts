import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'
import { sql } from 'kysely'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { notify } from '../database/notify.ts'
import type { Db } from '../database/open.ts'

/** A repository with the data needed to write its index. */
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
  /** Whether the project is in devel mode, and so has devel repositories. */
  devel_mode: boolean
  key_algorithm: KeyAlgorithm
  public_key: string | null
  /** Previous public keys of the project, and those that signed packages which it copied as a fork. */
  inherited_keys: string[]
  key_fingerprint: string | null
}

/** Lists the repositories whose published index is out of date, least recently published first, without deleted projects. */
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

/** Loads a repository; returns undefined if it or its project was deleted. */
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

/** Lists the packages of a repository by path, relative to its folder: at least those of the generation read earlier. */
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

/** An arbitrary number that no other code uses for advisory locks. */
const LOCK_CLASS = 0x636f7072

/**
 * Runs `use` under an exclusive lock on this repository, across all processes. Returns false at once if the lock is taken.
 * `stillLocked` throws if the connection that holds the lock is lost.
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
      // A lost connection has released the lock.
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
 * Records that the index of this generation is published, which makes its packages installable. The builds up to this
 * generation succeed; returns them.
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

/** Marks one build as succeeded, in its own transaction, so that no lock is held while waiting for the next one. */
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

/** A build of which a package cannot be published. */
export interface UnpublishableBuild extends PublishedBuild {
  reason: string
  /** All packages of the build, relative to the repository's folder. */
  paths: string[]
}

/**
 * Fails the builds that wait for the index of a repository and have one of these packages, and removes all of their packages
 * from the repository; returns them. Builds that have ended keep their packages.
 */
export async function failUnpublishable(
  db: Db,
  {
    repository_id,
    faults,
    now,
  }: { repository_id: number; faults: { path: string; reason: string }[]; now: Date },
): Promise<UnpublishableBuild[]> {
  const reasonOf = new Map(faults.map(({ path, reason }) => [path, reason]))
  const waiting = await db
    .selectFrom('build_chroot')
    .innerJoin('repository_member', 'repository_member.build_chroot_id', 'build_chroot.id')
    .select(['build_chroot.id as build_chroot_id', 'build_chroot.build_id', 'path'])
    .where('build_chroot.repository_id', '=', repository_id)
    .where('repository_member.repository_id', '=', repository_id)
    .where('state', '=', 'running')
    .orderBy('build_id')
    .orderBy('path')
    .execute()
  const failed: UnpublishableBuild[] = []
  for (const [build_chroot_id, members] of Map.groupBy(waiting, (row) => row.build_chroot_id)) {
    const paths = members.map(({ path }) => path)
    const reason = paths.map((path) => reasonOf.get(path)).find((found) => found !== undefined)
    const [{ build_id } = { build_id: 0 }] = members
    if (reason === undefined) continue
    const build = { build_id, build_chroot_id, reason, paths }
    if (await failOne(db, build, now)) failed.push(build)
  }
  return failed
}

async function failOne(
  db: Db,
  { build_id, build_chroot_id, reason }: UnpublishableBuild,
  now: Date,
): Promise<boolean> {
  return await db.transaction().execute(async (tx) => {
    if (!(await lockBuild(tx, build_id))) return false
    const set = { state_reason: reason, ended_at: now }
    const moved = await moveChroots(tx, [build_chroot_id], { to: 'failed', from: ['running'], set })
    if (moved.length === 0) return false
    for (const table of ['repository_member', 'built_package'] as const)
      await tx.deleteFrom(table).where('build_chroot_id', '=', build_chroot_id).execute()
    await refreshBuild(tx, build_id, now)
    return true
  })
}

/** Finds repositories with builds that are published but not marked as succeeded, because the process was killed in between. */
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

/** Requests new indexes although the members are unchanged, because files were lost or removed, or the key has changed. */
export async function republish(db: Db, repository_ids: number[]): Promise<void> {
  if (repository_ids.length === 0) return
  await db
    .updateTable('repository')
    .set((eb) => ({ generation: eb('generation', '+', 1) }))
    .where('id', 'in', repository_ids)
    .execute()
  await notify(db, 'copr_repository')
}
