import { failureOutsideLogs } from '@copr/contract/failure'
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
  /** Previous public keys of the project and, if it is a fork, the keys that signed the packages that were copied into it. */
  inherited_keys: string[]
  key_fingerprint: string | null
}

/** Lists the repositories whose published index is outdated, except those of deleted projects. The least recently published come first. */
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

/** The file name of a member. It contains the package's NEVRA without the epoch. */
const FILE_NAME = (member: string) =>
  sql`substr(${sql.ref(`${member}.path`)}, strpos(${sql.ref(`${member}.path`)}, '/') + 1)`

/** The epoch of a member; rpm treats a missing epoch as 0. */
const EPOCH = (member: string) => sql`coalesce((
  select epoch from built_package
  where built_package.build_chroot_id = ${sql.ref(`${member}.build_chroot_id`)}
    and concat(name, '-', version, '-', release, '.', arch, '.rpm') = ${FILE_NAME(member)}
  limit 1), 0)`

/**
 * Lists the packages for a repository's index, each with its path relative to the repository's folder, ordered by path. Includes at least
 * the packages of the generation that the caller has read before this call. If several packages have the same NEVRA, lists only the one of
 * the newest build, because clients would choose arbitrarily between them.
 */
export async function repositoryMembers(
  db: Db,
  repository_id: number,
): Promise<{ path: string; sha256: string; size: number }[]> {
  const { rows } = await sql<{ path: string; sha256: string; size: number }>`
    with named as (
      select member.path, sha256, size, member.build_chroot_id, build_id, ${FILE_NAME('member')} as file_name,
        count(*) over (partition by ${FILE_NAME('member')}) as count
      from repository_member member
      join build_chroot on build_chroot.id = member.build_chroot_id
      where member.repository_id = ${repository_id}::bigint),
    -- Few packages have a namesake, so few epochs are looked up.
    ranked as (
      select path, sha256, size, row_number() over (
        partition by file_name, case when count > 1 then ${EPOCH('named')} end order by build_id desc) as age
      from named)
    select path, sha256, size from ranked where age = 1 order by path`.execute(db)
  return rows
}

/** A newer build with packages that have replaced packages of an older build in a repository, because their NEVRAs are equal. */
export interface Replacement {
  build_id: number
  /** The file names of the replaced packages. */
  packages: string[]
  /** Whether all packages of the older build in this chroot were replaced. */
  is_complete: boolean
}

/** Finds the builds that have replaced packages of this build in its repositories, keyed by the ID of the build chroot. */
export async function replacementsOf(
  db: Db,
  build_id: number,
): Promise<Map<number, Replacement[]>> {
  const { rows } = await sql<{ build_chroot_id: number; file_name: string; newest: number | null }>`
    with own as (
      select repository_member.*, ${FILE_NAME('repository_member')} as file_name
      from repository_member
      join build_chroot on build_chroot.id = build_chroot_id
        and build_chroot.repository_id = repository_member.repository_id
      where build_id = ${build_id}::bigint),
    newer as (
      select repository_member.*, ${FILE_NAME('repository_member')} as file_name, build_id
      from repository_member join build_chroot on build_chroot.id = build_chroot_id
      where repository_member.repository_id in (select repository_id from own)
        and build_id > ${build_id}::bigint and state in ('succeeded', 'forked'))
    select own.build_chroot_id, file_name,
      max(build_id) filter (where ${EPOCH('newer')} = ${EPOCH('own')}) as newest
    from own left join newer using (repository_id, file_name)
    group by own.build_chroot_id, file_name
    order by file_name`.execute(db)
  const found = new Map<number, Replacement[]>()
  for (const [id, members] of Map.groupBy(rows, (row) => row.build_chroot_id)) {
    const byBuild = Map.groupBy(members, ({ newest }) => newest)
    const replacements = [...byBuild].flatMap(([newest, replaced]) => {
      if (newest === null) return []
      const packages = replaced.map(({ file_name }) => file_name)
      return [{ build_id: newest, packages, is_complete: packages.length === members.length }]
    })
    if (replacements.length > 0) found.set(id, replacements)
  }
  return found
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
      // If the connection is lost, the lock has already been released.
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
 * Records that the index of this generation has been published, so that its packages can be installed. Marks the builds up to this
 * generation as succeeded, and returns them.
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

/**
 * Marks one build as succeeded. Each build has its own transaction, so that no lock is held while waiting for the lock of the next build.
 */
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

/** A build with a package that cannot be published. */
export interface UnpublishableBuild extends PublishedBuild {
  reason: string
  /** The paths of all packages of the build, relative to the repository's folder. */
  paths: string[]
}

/**
 * Fails the builds that are waiting for a repository's index and contain a package listed in `faults`. Removes all packages of these builds
 * from the repository, and returns the builds. Builds that have already ended keep their packages.
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
    const [first] = members
    if (first === undefined || reason === undefined) continue
    const build = { build_id: first.build_id, build_chroot_id, reason, paths }
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
    const failure = JSON.stringify(failureOutsideLogs('verification'))
    const set = { state_reason: reason, failure, ended_at: now }
    const moved = await moveChroots(tx, [build_chroot_id], { to: 'failed', from: ['running'], set })
    if (moved.length === 0) return false
    for (const table of ['repository_member', 'built_package'] as const)
      await tx.deleteFrom(table).where('build_chroot_id', '=', build_chroot_id).execute()
    await refreshBuild(tx, build_id, now)
    return true
  })
}

/** Finds repositories with builds that are published but not marked as succeeded, because the process was killed before it marked them. */
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
