import { sql, type Selectable, type SelectQueryBuilder } from 'kysely'
import type { Page } from '../database/paging.ts'
import type { Db } from '../database/open.ts'
import type { DB, ProjectDirTable, ProjectTable } from '../database/schema.ts'

export type Project = Selectable<ProjectTable>
export type ProjectDir = Selectable<ProjectDirTable>

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

export async function listProjects(
  db: Db,
  {
    ownername,
    before_id,
    page,
  }: {
    ownername?: string
    /** Only projects older than this one: how web pages go on. */
    before_id?: number | undefined
    page: ProjectPage
  },
): Promise<Project[]> {
  let query = living(db)
  if (before_id !== undefined) query = query.where('id', '<', before_id)
  if (ownername !== undefined) query = query.where('ownername', '=', ownername)
  return await paged(query, page).execute()
}

/** The newest projects that want to be seen on the front page. */
export async function newestProjects(db: Db, limit: number): Promise<Project[]> {
  return await listedProjects(db, { limit, with_unlisted: false, with_temporary: true })
}

/** The newest projects, with or without those that hide or will be gone soon. */
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

/** What is searched for: `owner/project` parts, or words anywhere. */
export type ProjectSearch = { owner: string; project: string } | { words: string }

export async function searchProjects(
  db: Db,
  search: ProjectSearch,
  page: ProjectPage,
): Promise<Project[]> {
  let query = living(db)
  if ('words' in search) {
    const like = containing(search.words)
    query = query.where((eb) =>
      eb.or([
        eb('ownername', 'ilike', like),
        eb('name', 'ilike', like),
        eb('description', 'ilike', like),
        eb('instructions', 'ilike', like),
        eb(sql<string>`ownername || '/' || name`, 'ilike', like),
      ]),
    )
  } else {
    query = query
      .where('ownername', 'ilike', containing(search.owner))
      .where('name', 'ilike', containing(search.project))
  }
  return await paged(query, page).execute()
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

function paged(
  query: SelectQueryBuilder<DB, 'project', Project>,
  { limit, offset, order, descending }: ProjectPage,
): SelectQueryBuilder<DB, 'project', Project> {
  const ordered = query
    .orderBy(order, descending ? 'desc' : 'asc')
    .orderBy('id')
    .offset(offset)
  return limit === undefined ? ordered : ordered.limit(limit)
}

function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
}
