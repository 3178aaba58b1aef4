/**
 * In devel mode, a project's repositories change only on request. In the meantime, new results are added to devel repositories: each
 * repository has one, `CHROOT/devel/`, which the project's own builds use.
 */
import { sql } from 'kysely'
import type { Tx } from '../database/open.ts'

/** Selects the pairs of main and devel repositories of a project. */
const PAIRS = (project_id: number) => sql`(
  select main.id as main_id, main.generation as main_generation, devel.id as devel_id
  from repository main
  join repository devel on devel.project_dir_id = main.project_dir_id
    and devel.chroot_id = main.chroot_id and devel.is_devel
  join project_dir on project_dir.id = main.project_dir_id
  where project_dir.project_id = ${project_id} and not main.is_devel)`

/** In devel mode, creates the devel repositories; otherwise, merges them into the main ones. The caller must have locked the project. */
export async function alignDevelRepositories(tx: Tx, project_id: number): Promise<void> {
  const { devel_mode } = await tx
    .selectFrom('project')
    .select('devel_mode')
    .where('id', '=', project_id)
    .executeTakeFirstOrThrow()
  if (devel_mode) return await makeMissing(tx, project_id)
  await releaseDevel(tx, project_id)
  await sql`
    update build_chroot set repository_id = pair.main_id, generation = pair.main_generation
    from ${PAIRS(project_id)} pair where build_chroot.repository_id = pair.devel_id`.execute(tx)
  await sql`
    delete from repository_member using ${PAIRS(project_id)} pair
    where repository_member.repository_id = pair.devel_id`.execute(tx)
  await sql`
    delete from repository using project_dir
    where repository.project_dir_id = project_dir.id and project_dir.project_id = ${project_id}
      and repository.is_devel`.execute(tx)
}

/** Replaces the members of the main repositories with those of the devel ones. */
export async function releaseDevel(tx: Tx, project_id: number): Promise<void> {
  await sql`
    delete from repository_member using ${PAIRS(project_id)} pair
    where repository_member.repository_id = pair.main_id and not exists (
      select 1 from repository_member devel
      where devel.repository_id = pair.devel_id and devel.path = repository_member.path)`.execute(
    tx,
  )
  await sql`
    insert into repository_member (repository_id, path, build_chroot_id, sha256, size)
    select pair.main_id, path, build_chroot_id, sha256, size
    from repository_member join ${PAIRS(project_id)} pair on pair.devel_id = repository_member.repository_id
    on conflict (repository_id, path) do update
    set build_chroot_id = excluded.build_chroot_id, sha256 = excluded.sha256, size = excluded.size`.execute(
    tx,
  )
  await sql`
    update repository set generation = generation + 1
    from ${PAIRS(project_id)} pair where repository.id = pair.main_id`.execute(tx)
}

/** Creates the missing devel repositories, each with the members of its main repository. */
async function makeMissing(tx: Tx, project_id: number): Promise<void> {
  await sql`
    with made as (
      insert into repository (project_dir_id, chroot_id, is_devel)
      select project_dir_id, chroot_id, true
      from repository join project_dir on project_dir.id = repository.project_dir_id
      where project_dir.project_id = ${project_id} and not repository.is_devel
      on conflict on constraint repository_place do nothing
      returning id, project_dir_id, chroot_id)
    insert into repository_member (repository_id, path, build_chroot_id, sha256, size)
    select made.id, path, build_chroot_id, sha256, size
    from made
    join repository main on main.project_dir_id = made.project_dir_id
      and main.chroot_id = made.chroot_id and not main.is_devel
    join repository_member on repository_member.repository_id = main.id`.execute(tx)
}
