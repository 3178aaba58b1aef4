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

/** A search for substrings of the owner's and the project's name, or for words in the texts, packages and chroots of projects. */
export type ProjectSearch = { owner: string; project: string } | { words: string }

/** Maximum number of words that a search uses; in practice, more words would not narrow it. */
const MAX_WORDS = 8
/** Minimum length of a word for which the trigram index can be used. */
const MIN_LETTERS = 3

export async function searchProjects(
  db: Db,
  search: ProjectSearch,
  page: ProjectPage,
): Promise<Project[]> {
  return await loadProjects(db, await pagedIds(matching(db, search), page))
}

/** Yields the found projects in chunks, so that a search without a limit does not exhaust memory. */
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
  // Each word has its own subquery, because `intersect` binds more tightly than `union`.
  const [first, ...more] = wordsOf(search.words).map((word) =>
    db.selectFrom(withWord(db, word).as('found')).select('found.id'),
  )
  const all = more.reduce((found, another) => found?.intersect(another), first)
  return all === undefined ? livingIds(db) : livingIds(db).where('id', 'in', all)
}

/**
 * Splits a search into words, all of which must match. Words that are too short for the index are dropped; if all are too short, the text
 * is searched for as a whole.
 */
function wordsOf(text: string): string[] {
  const long = text.split(/\s+/).filter((word) => word.length >= MIN_LETTERS)
  return long.length === 0 ? [text] : long.slice(0, MAX_WORDS)
}

/** Selects the projects that have the word in their texts, in a package name, or in the name of an enabled chroot. */
function withWord(db: Db, word: string) {
  const like = containing(word)
  return db
    .selectFrom('project_search')
    .select('project_id as id')
    .where('text', 'like', sql<string>`lower(${like})`)
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
