import { failureOutsideLogs } from '@copr/contract/failure'
import { buildDirName } from '@copr/contract/names'
import { sql } from 'kysely'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'

/** A build chroot of the source project, and its copy in the target project, whose files have not been linked yet. */
export interface ForkedChroot {
  /** The id of the copy. */
  build_chroot_id: number
  build_id: number
  chroot: string
  from: ForkedLocation
  to: ForkedLocation
  /** The size of the results to be linked. */
  result_bytes: number
}

interface ForkedLocation {
  ownername: string
  dirname: string
  build_id: number
  chroot: string
  result_dir: string
}

interface Fork {
  source_id: number
  target_id: number
  user_id: number
  now: Date
}

/**
 * Copies builds of the source project to the target project: those that have the newest results of a package for at least one chroot of the
 * main directory. Skips what an earlier attempt has copied. The new builds wait until their files are linked.
 */
export async function insertForkedBuilds(
  db: Db,
  { source_id, target_id, user_id, now }: Fork,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    // The lock prevents concurrent attempts from creating two copies.
    await tx.selectFrom('project').select('id').where('id', '=', target_id).forUpdate().execute()
    const newest = await newestResults(tx, source_id, target_id)
    const dir = await tx
      .selectFrom('project_dir')
      .innerJoin('project', 'project.id', 'project_dir.project_id')
      .select('project_dir.id')
      .where('project.id', '=', target_id)
      .whereRef('project_dir.name', '=', 'project.name')
      .executeTakeFirstOrThrow()
    for (const [build_id, chroots] of Map.groupBy(newest, (row) => row.build_id))
      await insertCopy(tx, { build_id, chroots, target_id, project_dir_id: dir.id, user_id, now })
  })
}

interface Newest {
  build_id: number
  chroot_id: number
  package_name: string
}

/**
 * Finds the newest results in the source project, for each of its packages and each enabled chroot of the target project. Skips results
 * that have already been copied.
 */
async function newestResults(tx: Tx, source_id: number, target_id: number): Promise<Newest[]> {
  const { rows } = await sql<Newest>`
    select latest.build_id, project_chroot.chroot_id, package.name as package_name
    from package
    join project on project.id = package.project_id
    join project_dir on project_dir.project_id = project.id and project_dir.name = project.name
    join project_chroot on project_chroot.project_id = ${target_id} and project_chroot.is_enabled
    join lateral (
      select build.id as build_id
      from build
      join build_chroot on build_chroot.build_id = build.id
        and build_chroot.chroot_id = project_chroot.chroot_id
      where build.package_id = package.id and build.project_dir_id = project_dir.id
        and build_chroot.state in ('succeeded', 'forked') and build_chroot.result_dir is not null
      order by build.id desc
      limit 1
    ) latest on true
    where package.project_id = ${source_id}
      and not exists (
        select 1 from build copy
        join build_chroot on build_chroot.build_id = copy.id
          and build_chroot.chroot_id = project_chroot.chroot_id
        where copy.project_id = ${target_id} and copy.forked_from = latest.build_id)
    order by latest.build_id, project_chroot.chroot_id`.execute(tx)
  return rows
}

async function insertCopy(
  tx: Tx,
  copy: {
    build_id: number
    chroots: Newest[]
    target_id: number
    project_dir_id: number
    user_id: number
    now: Date
  },
): Promise<void> {
  const { build_id, chroots, target_id, project_dir_id, user_id, now } = copy
  const source = await tx
    .selectFrom('build')
    .selectAll()
    .where('id', '=', build_id)
    .executeTakeFirstOrThrow()
  const name = chroots[0]?.package_name ?? ''
  const { id: package_id } = await tx
    .selectFrom('package')
    .select('id')
    .where('project_id', '=', target_id)
    .where('name', '=', name)
    .executeTakeFirstOrThrow()
  const { id } = await tx
    .insertInto('build')
    .values({
      project_id: target_id,
      project_dir_id,
      package_id,
      package_version: source.package_version,
      source_type: source.source_type,
      source_json: JSON.stringify(source.source_json),
      source_state: 'succeeded',
      srpm_name: source.srpm_name,
      state: 'pending',
      submitter_id: user_id,
      submitted_at: now,
      is_background: true,
      timeout_seconds: source.timeout_seconds,
      enable_net: source.enable_net,
      bootstrap: source.bootstrap,
      isolation: source.isolation,
      forked_from: build_id,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const result_dir = buildDirName(id, name)
  await tx
    .insertInto('build_chroot')
    .values(
      chroots.map(({ chroot_id }) => ({
        build_id: id,
        chroot_id,
        state: 'waiting' as const,
        result_dir,
      })),
    )
    .execute()
  await refreshBuild(tx, id, now)
}

/** Lists the copied build chroots whose files have not been linked yet. */
export async function unlinkedForks(db: Db, target_id: number): Promise<ForkedChroot[]> {
  const { rows } = await sql<{
    build_chroot_id: number
    build_id: number
    chroot: string
    to_owner: string
    to_dirname: string
    to_dir: string
    from_build: number
    from_owner: string
    from_dirname: string
    from_dir: string
    result_bytes: number
  }>`
    select copy.id as build_chroot_id, build.id as build_id, chroot.name as chroot,
      target.ownername as to_owner, target_dir.name as to_dirname, copy.result_dir as to_dir,
      origin.id as from_build, source.ownername as from_owner, source_dir.name as from_dirname,
      original.result_dir as from_dir, original.result_bytes
    from build
    join build_chroot copy on copy.build_id = build.id
    join chroot on chroot.id = copy.chroot_id
    join project target on target.id = build.project_id
    join project_dir target_dir on target_dir.id = build.project_dir_id
    join build origin on origin.id = build.forked_from
    join build_chroot original on original.build_id = origin.id and original.chroot_id = copy.chroot_id
    join project source on source.id = origin.project_id
    join project_dir source_dir on source_dir.id = origin.project_dir_id
    where build.project_id = ${target_id} and build.finished_at is null and copy.state = 'waiting'
    order by build.id, copy.id`.execute(db)
  return rows.map(({ build_chroot_id, build_id, chroot, result_bytes, ...row }) => ({
    build_chroot_id,
    build_id,
    chroot,
    result_bytes,
    from: {
      ownername: row.from_owner,
      dirname: row.from_dirname,
      build_id: row.from_build,
      chroot,
      result_dir: row.from_dir,
    },
    to: {
      ownername: row.to_owner,
      dirname: row.to_dirname,
      build_id,
      chroot,
      result_dir: row.to_dir,
    },
  }))
}

/** Adds the linked files of a copy to the target's repository. */
export async function adoptFork(db: Db, fork: ForkedChroot, now: Date): Promise<void> {
  await db.transaction().execute(async (tx) => {
    if (!(await lockBuild(tx, fork.build_id))) return
    const copy = await tx
      .selectFrom('build_chroot')
      .innerJoin('build', 'build.id', 'build_chroot.build_id')
      .select(['chroot_id', 'build_chroot.state', 'build.project_dir_id'])
      .where('build_chroot.id', '=', fork.build_chroot_id)
      .executeTakeFirst()
    // The copy was canceled in the meantime, or another attempt has adopted it.
    if (copy?.state !== 'waiting') return
    const { chroot_id, project_dir_id } = copy
    const repository = await tx
      .insertInto('repository')
      .values({ chroot_id, project_dir_id })
      .onConflict((conflict) =>
        conflict
          .constraint('repository_place')
          .doUpdateSet((eb) => ({ generation: eb('repository.generation', '+', 1) })),
      )
      .returning(['id', 'generation'])
      .executeTakeFirstOrThrow()
    const devel = await tx
      .updateTable('repository')
      .set((eb) => ({ generation: eb('generation', '+', 1) }))
      .where('project_dir_id', '=', project_dir_id)
      .where('chroot_id', '=', chroot_id)
      .where('is_devel', '=', true)
      .returning('id')
      .execute()
    for (const { id } of [repository, ...devel]) await copyMembers(tx, fork, id)
    await copyPackageList(tx, fork)
    const set = {
      started_at: now,
      ended_at: now,
      repository_id: repository.id,
      generation: repository.generation,
      result_bytes: fork.result_bytes,
    }
    await moveChroots(tx, [fork.build_chroot_id], { to: 'forked', set })
    await refreshBuild(tx, fork.build_id, now)
    await notify(tx, 'copr_repository', String(repository.id))
  })
}

async function copyMembers(tx: Tx, fork: ForkedChroot, repository_id: number): Promise<void> {
  const { from, to } = fork
  // A member's path begins with the build's folder, which is replaced by that of the copy.
  await sql`
    insert into repository_member (repository_id, path, build_chroot_id, sha256, size)
    select ${repository_id}::bigint, ${to.result_dir}::text || substr(path, ${from.result_dir.length + 1}::int),
      ${fork.build_chroot_id}::bigint, sha256, size
    from repository_member
    join build_chroot on build_chroot.id = repository_member.build_chroot_id
    join chroot on chroot.id = build_chroot.chroot_id
    where build_chroot.build_id = ${from.build_id} and chroot.name = ${fork.chroot}
    on conflict (repository_id, path) do nothing`.execute(tx)
}

async function copyPackageList(tx: Tx, fork: ForkedChroot): Promise<void> {
  const { from } = fork
  await sql`
    insert into built_package (build_chroot_id, name, epoch, version, release, arch)
    select ${fork.build_chroot_id}::bigint, built_package.name, epoch, version, release, built_package.arch
    from built_package
    join build_chroot on build_chroot.id = built_package.build_chroot_id
    join chroot on chroot.id = build_chroot.chroot_id
    where build_chroot.build_id = ${from.build_id} and chroot.name = ${fork.chroot}
    order by built_package.id`.execute(tx)
}

/** Fails the copies that are still waiting: the builds from which they were copied were deleted in the meantime. */
export async function dropUnlinkable(db: Db, target_id: number, now: Date): Promise<void> {
  const builds = await db
    .selectFrom('build')
    .select('id')
    .where('project_id', '=', target_id)
    .where('forked_from', 'is not', null)
    .where('finished_at', 'is', null)
    .execute()
  for (const { id } of builds)
    await db.transaction().execute(async (tx) => {
      if (!(await lockBuild(tx, id))) return
      const waiting = await tx
        .selectFrom('build_chroot')
        .select('id')
        .where('build_id', '=', id)
        .where('state', '=', 'waiting')
        .execute()
      const ids = waiting.map((chroot) => chroot.id)
      await failCopies(tx, ids, { reason: 'The results to copy have been deleted', now })
      await refreshBuild(tx, id, now)
    })
}

/** Fails a copy whose results are not to be linked. */
export async function failForked(
  db: Db,
  { build_id, build_chroot_id }: ForkedChroot,
  { reason, now }: { reason: string; now: Date },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    if (!(await lockBuild(tx, build_id))) return
    await failCopies(tx, [build_chroot_id], { reason, now })
    await refreshBuild(tx, build_id, now)
  })
}

async function failCopies(
  tx: Tx,
  ids: number[],
  { reason, now }: { reason: string; now: Date },
): Promise<void> {
  const failure = JSON.stringify(failureOutsideLogs('infrastructure'))
  const set = { state_reason: reason, failure, ended_at: now, result_dir: null }
  await moveChroots(tx, ids, { to: 'failed', from: ['waiting'], set })
}
