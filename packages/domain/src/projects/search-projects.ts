import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import {
  inChunks,
  livingIds,
  loadProjects,
  pagedIds,
  type Project,
  type ProjectIds,
  type ProjectPage,
} from './project-queries.ts'

/** What is searched for: `owner/project` parts, or words anywhere. */
export type ProjectSearch = { owner: string; project: string } | { words: string }

/** Indexed as it stands here: the index project_text. */
const TEXT = sql<string>`lower(ownername || '/' || name || ' ' || description || ' ' || instructions)`
/** More of them narrow no real search. */
const MAX_WORDS = 8
/** The index is one of three letters in a row. */
const MIN_LETTERS = 3

export async function searchProjects(
  db: Db,
  search: ProjectSearch,
  page: ProjectPage,
): Promise<Project[]> {
  return await loadProjects(db, await pagedIds(matching(db, search), page))
}

/** Some at a time, so that a search without a limit does not fill the memory. */
export async function* allFoundProjects(
  db: Db,
  search: ProjectSearch,
  page: ProjectPage,
): AsyncGenerator<Project[]> {
  yield* inChunks(db, await pagedIds(matching(db, search), page))
}

function matching(db: Db, search: ProjectSearch): ProjectIds {
  if (!('words' in search))
    return livingIds(db)
      .where('ownername', 'ilike', containing(search.owner))
      .where('name', 'ilike', containing(search.project))
  let query = livingIds(db)
  for (const word of wordsOf(search.words)) query = query.where('id', 'in', withWord(db, word))
  return query
}

/** All must be found somewhere. Those too short for the index count only when there is nothing else: as one phrase. */
function wordsOf(text: string): string[] {
  const long = text.split(/\s+/).filter((word) => word.length >= MIN_LETTERS)
  return long.length === 0 ? [text] : long.slice(0, MAX_WORDS)
}

/** The projects that have it in their own texts, as part of a package's name, or of a chroot's. */
function withWord(db: Db, word: string) {
  const like = containing(word)
  return livingIds(db)
    .where(TEXT, 'like', sql<string>`lower(${like})`)
    .unionAll(db.selectFrom('package').select('project_id as id').where('name', 'ilike', like))
    .unionAll(
      db
        .selectFrom('project_chroot')
        .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
        .select('project_id as id')
        .where('is_enabled', '=', true)
        .where('chroot.name', 'ilike', like),
    )
}

function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
}
