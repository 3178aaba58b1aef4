import type { ChrootConfig } from '@copr/contract/chroot-config'
import { type Selectable, sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { BuildTable, ProjectTable } from '../database/schema.ts'
import type { TaskRow } from './leases.ts'

interface TaskChroot {
  id: number
  chroot_id: number
  name: string
  arch: string
  config: ChrootConfig
  git_commit: string | null
  result_dir: string | null
  repository_id: number | null
  generation: number | null
  /** The project's settings for the chroot; empty if the chroot has been disabled in the project in the meantime. */
  additional_repos: string[]
  additional_packages: string[]
  /** `NAME:STREAM` to enable a module stream, `!NAME:STREAM` to disable it. */
  additional_modules: string[]
  bootstrap: string
  bootstrap_image: string | null
  isolation: string
  with_opts: string[]
  without_opts: string[]
}

/** The build of a task, with the project and the build chroot. */
export interface TaskContext {
  build: Selectable<BuildTable>
  project: Selectable<ProjectTable>
  dirname: string
  package_name: string | null
  submitter: string | null
  /** Undefined for `source` and `import` tasks, which belong to the build as a whole. */
  build_chroot: TaskChroot | undefined
}

export async function loadTaskContext(
  db: Db,
  task: Pick<TaskRow, 'build_id' | 'build_chroot_id'>,
): Promise<TaskContext> {
  const build = await db
    .selectFrom('build')
    .selectAll()
    .where('id', '=', task.build_id)
    .executeTakeFirstOrThrow()
  const project = await db
    .selectFrom('project')
    .selectAll()
    .where('id', '=', build.project_id)
    .executeTakeFirstOrThrow()
  const names = await db
    .selectFrom('build')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .leftJoin('package', 'package.id', 'build.package_id')
    .leftJoin('user_account', 'user_account.id', 'build.submitter_id')
    .select([
      'project_dir.name as dirname',
      'package.name as package_name',
      'user_account.username as submitter',
    ])
    .where('build.id', '=', task.build_id)
    .executeTakeFirstOrThrow()
  const id = task.build_chroot_id
  return {
    build,
    project,
    ...names,
    build_chroot: id === null ? undefined : await chrootOf(db, id),
  }
}

async function chrootOf(db: Db, build_chroot_id: number): Promise<TaskChroot> {
  const row = await db
    .selectFrom('build_chroot')
    .innerJoin('build', 'build.id', 'build_chroot.build_id')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .leftJoin('project_chroot', (join) =>
      join
        .onRef('project_chroot.project_id', '=', 'build.project_id')
        .onRef('project_chroot.chroot_id', '=', 'build_chroot.chroot_id'),
    )
    .select([
      'build_chroot.id',
      'build_chroot.chroot_id',
      'chroot.name',
      'chroot.arch',
      'chroot.config',
      'build_chroot.git_commit',
      'build_chroot.result_dir',
      'build_chroot.repository_id',
      'build_chroot.generation',
      'project_chroot.additional_repos',
      'project_chroot.additional_packages',
      'project_chroot.additional_modules',
      'project_chroot.bootstrap',
      'project_chroot.bootstrap_image',
      'project_chroot.isolation',
      'project_chroot.with_opts',
      'project_chroot.without_opts',
    ])
    .where('build_chroot.id', '=', build_chroot_id)
    .executeTakeFirstOrThrow()
  return {
    ...row,
    additional_repos: row.additional_repos ?? [],
    additional_packages: row.additional_packages ?? [],
    additional_modules: row.additional_modules ?? [],
    bootstrap: row.bootstrap ?? 'unchanged',
    isolation: row.isolation ?? 'unchanged',
    with_opts: row.with_opts ?? [],
    without_opts: row.without_opts ?? [],
  }
}

export type BuildSource = Pick<
  Selectable<BuildTable>,
  'id' | 'source_type' | 'source_json' | 'srpm_name'
>

/** Returns the source of a build's SRPM, and the SRPM's name once it is known. */
export async function sourceOfBuild(db: Db, build_id: number): Promise<BuildSource> {
  return await db
    .selectFrom('build')
    .select(['id', 'source_type', 'source_json', 'srpm_name'])
    .where('id', '=', build_id)
    .executeTakeFirstOrThrow()
}

/** The outcome of a source build, as far as it is known. */
export interface SourceReport {
  source_type: string
  srpm_name: string | null
  package_name: string | null
  /** `[epoch:]version-release` */
  package_version: string | null
  fail_reason: string | null
}

export async function sourceReport(db: Db, build_id: number): Promise<SourceReport> {
  return await db
    .selectFrom('build')
    .leftJoin('package', 'package.id', 'build.package_id')
    .select([
      'build.source_type',
      'build.srpm_name',
      'package.name as package_name',
      'build.package_version',
      'build.fail_reason',
    ])
    .where('build.id', '=', build_id)
    .executeTakeFirstOrThrow()
}

/** Lists the dist-git branches from which a build's waiting chroots will be built. */
export async function branchesToImport(db: Db, build_id: number): Promise<string[]> {
  const rows = await db
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select('chroot.distgit_branch')
    .distinct()
    .where('build_chroot.build_id', '=', build_id)
    .where('build_chroot.state', '=', 'waiting')
    .orderBy('chroot.distgit_branch')
    .execute()
  return rows.map((row) => row.distgit_branch)
}

export interface LogLocation {
  ownername: string
  dirname: string
  build_id: number
  /** Null for source builds and imports. */
  chroot: string | null
  result_dir: string | null
}

/** Returns where the files that belong to a task are stored. */
export async function locationOfTask(
  db: Db,
  task: Pick<TaskRow, 'build_id' | 'build_chroot_id'>,
): Promise<LogLocation> {
  const row = await db
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .innerJoin('project_dir', 'project_dir.id', 'build.project_dir_id')
    .leftJoin('build_chroot', (join) =>
      join
        .onRef('build_chroot.build_id', '=', 'build.id')
        .on('build_chroot.id', '=', task.build_chroot_id),
    )
    .leftJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select([
      'build.id as build_id',
      'project.ownername',
      'project_dir.name as dirname',
      'chroot.name as chroot',
      'build_chroot.result_dir',
    ])
    .where('build.id', '=', task.build_id)
    .executeTakeFirstOrThrow()
  return row
}

/** Returns the project of a task. */
export async function projectOfTask(
  db: Db,
  { project_id }: Pick<TaskRow, 'project_id'>,
): Promise<{ id: number; ownername: string; name: string }> {
  return await db
    .selectFrom('project')
    .select(['id', 'ownername', 'name'])
    .where('id', '=', project_id)
    .executeTakeFirstOrThrow()
}

/** Finds a task by its ID. The machine must hold the lease, or must have held it when the task ended. */
export async function taskOfRequest(
  db: Db,
  { task_id, lease, machine_id }: { task_id: string; lease: string; machine_id: number },
): Promise<TaskRow | undefined> {
  // The index on task_id makes this fast; last_lease is not indexed.
  return await db
    .selectFrom('task')
    .selectAll()
    .where('task_id', '=', task_id)
    .where('machine_id', '=', machine_id)
    .where((eb) => eb.or([eb('lease', '=', lease), eb('last_lease', '=', lease)]))
    .executeTakeFirst()
}

/**
 * Returns the leases whose staged files are still needed, because the task is running or its results have not been published. Considers
 * only the given tasks.
 */
export async function leasesInUse(db: Db, task_ids: number[]): Promise<Set<string>> {
  if (task_ids.length === 0) return new Set()
  const rows = await db
    .selectFrom('task')
    .leftJoin('task as publish', (join) =>
      join
        .onRef('publish.build_chroot_id', '=', 'task.build_chroot_id')
        .on('publish.kind', '=', 'publish')
        .on('publish.state', '<>', 'done'),
    )
    .select(['task.lease', 'task.last_lease', 'publish.id as publish_id'])
    .where('task.id', 'in', task_ids)
    .execute()
  return new Set(
    rows.flatMap((row) =>
      [row.lease ?? [], row.publish_id === null ? [] : (row.last_lease ?? [])].flat(),
    ),
  )
}

/** Returns the unfinished builds, whose SRPMs are needed now or later, and the uploads from which they are built. */
export async function srpmsInUse(db: Db): Promise<{ builds: Set<number>; uploads: Set<string> }> {
  const rows = await db
    .selectFrom('build')
    .select(['id', sql<string | null>`source_json ->> 'tmp'`.as('upload')])
    .where('finished_at', 'is', null)
    .execute()
  const uploads = rows.flatMap(({ upload }) => upload ?? [])
  return { builds: new Set(rows.map(({ id }) => id)), uploads: new Set(uploads) }
}

/** Returns the task and the lease under which the files of a publish task are staged; throws for other tasks. */
export function stagedFilesOf({ id, staged_task_id, staged_lease }: TaskRow): {
  task: number
  lease: string
} {
  if (staged_task_id === null || staged_lease === null)
    throw new Error(`Task ${id} has no staged files: it is not a publish task`)
  return { task: staged_task_id, lease: staged_lease }
}
