import { type Selectable, type SelectQueryBuilder } from 'kysely'
import { anyOf } from '../database/any-of.ts'
import type { Page } from '../database/paging.ts'
import type { Db } from '../database/open.ts'
import type { DB, ProjectDirTable, ProjectTable } from '../database/schema.ts'

export type Project = Selectable<ProjectTable>
export type ProjectDir = Selectable<ProjectDirTable>

/** Maximum number of projects in memory at a time. */
const CHUNK = 500

/** Columns that a list of projects can be ordered by. */
export const PROJECT_ORDERS = ['id', 'name', 'ownername', 'created_at'] as const
export type ProjectPage = Page<(typeof PROJECT_ORDERS)[number]>

export async function findProject(
  db: Db,
  ownername: string,
  name: string,
): Promise<Project | undefined> {
  return await living(db)
    .where('ownername', '=', ownername)
    .where('name', '=', name)
    .executeTakeFirst()
}

export async function findProjectById(db: Db, id: number): Promise<Project | undefined> {
  return await living(db).where('id', '=', id).executeTakeFirst()
}

interface ProjectsWanted {
  ownername?: string
  /** Return only projects older than this one; web pages use it for keyset pagination. */
  before_id?: number | undefined
  page: ProjectPage
}

export async function listProjects(db: Db, wanted: ProjectsWanted): Promise<Project[]> {
  return await loadProjects(db, await listProjectIds(db, wanted))
}

/** Yields projects in chunks, so that a list without a limit does not exhaust memory. */
export async function* allProjects(db: Db, wanted: ProjectsWanted): AsyncGenerator<Project[]> {
  yield* inChunks(db, await listProjectIds(db, wanted))
}

/** Finds the IDs of a page with an index scan, so that for a deep page, the rows that are skipped are not read. */
async function listProjectIds(
  db: Db,
  { ownername, before_id, page }: ProjectsWanted,
): Promise<number[]> {
  let query = livingIds(db)
  if (before_id !== undefined) query = query.where('id', '<', before_id)
  if (ownername !== undefined) query = query.where('ownername', '=', ownername)
  return await pagedIds(query, page)
}

/** Returns the newest projects that are listed on the front page. */
export async function newestProjects(db: Db, limit: number): Promise<Project[]> {
  return await listedProjects(db, { limit, with_unlisted: false, with_temporary: true })
}

/** Returns the newest projects, with or without unlisted and temporary ones. */
export async function listedProjects(
  db: Db,
  {
    limit,
    with_unlisted,
    with_temporary,
  }: { limit: number; with_unlisted: boolean; with_temporary: boolean },
): Promise<Project[]> {
  let query = living(db).orderBy('id', 'desc').limit(limit)
  if (!with_unlisted) query = query.where('unlisted_on_hp', '=', false)
  if (!with_temporary) query = query.where('delete_after', 'is', null)
  return await query.execute()
}

export async function findProjectDir(
  db: Db,
  project_id: number,
  name: string,
): Promise<ProjectDir | undefined> {
  return await db
    .selectFrom('project_dir')
    .selectAll()
    .where('project_id', '=', project_id)
    .where('name', '=', name)
    .executeTakeFirst()
}

export async function listProjectDirs(db: Db, project_id: number): Promise<ProjectDir[]> {
  return await db
    .selectFrom('project_dir')
    .selectAll()
    .where('project_id', '=', project_id)
    .orderBy('id')
    .execute()
}

function living(db: Db): SelectQueryBuilder<DB, 'project', Project> {
  return db.selectFrom('project').selectAll().where('deleted_at', 'is', null)
}

export type ProjectIds = SelectQueryBuilder<DB, 'project', { id: number }>

export function livingIds(db: Db): ProjectIds {
  return db.selectFrom('project').select('id').where('deleted_at', 'is', null)
}

export async function pagedIds(
  query: ProjectIds,
  { limit, offset, order, descending }: ProjectPage,
): Promise<number[]> {
  const direction = descending ? 'desc' : 'asc'
  const ordered = query.orderBy(order, direction).offset(offset)
  const distinct = order === 'id' ? ordered : ordered.orderBy('id', direction)
  const rows = await (limit === undefined ? distinct : distinct.limit(limit)).execute()
  return rows.map(({ id }) => id)
}

export async function* inChunks(db: Db, ids: number[]): AsyncGenerator<Project[]> {
  for (let from = 0; from < ids.length; from += CHUNK)
    yield await loadProjects(db, ids.slice(from, from + CHUNK))
}

/** Loads the projects with these ids, in the order of the ids. */
export async function loadProjects(db: Db, ids: number[]): Promise<Project[]> {
  if (ids.length === 0) return []
  const rows = await living(db).where('id', '=', anyOf(ids)).execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}
