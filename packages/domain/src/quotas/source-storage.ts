import type { QuotaDefaults } from '@copr/contract/quota-kinds'
import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import { requireStorage } from './quota-check.ts'

/** The place of a package in dist-git. */
export interface SourcePlace {
  owner: string
  dirname: string
  package_name: string
}

/**
 * A file that dist-git stores, or is about to store. In the lookaside cache, it is identified by its name and MD5 digest; in git, by its
 * object ID, with an empty name.
 */
export interface StoredSource {
  name: string
  digest: string
  bytes: number
}

/**
 * Throws `over_quota` if storing the sources that dist-git does not have yet would exceed the storage quota of the project or its owner.
 */
export async function requireSourceStorage(
  db: Db,
  place: SourcePlace,
  { sources, limits }: { sources: readonly StoredSource[]; limits: QuotaDefaults },
): Promise<void> {
  const dir = await dirOf(db, place)
  if (!dir) return
  const { rows } = await sql<{ bytes: number }>`
    select coalesce(sum(bytes), 0)::bigint as bytes from ${sourceRows(sources)}
    where not exists (select from distgit_source known
      where known.project_dir_id = ${dir.id} and known.package_name = ${place.package_name}
        and known.name = source.name and known.digest = source.digest)`.execute(db)
  const bytes = rows[0]?.bytes ?? 0
  if (bytes === 0) return
  const project = { id: dir.project_id, ownername: place.owner, name: dir.projectname }
  const refusal = `Cannot import the sources of ${place.package_name}`
  await requireStorage(db, project, { refusal, bytes, limits })
}

/** Counts sources that dist-git has stored. Idempotent: a file that is counted already is not counted again. */
export async function noteSources(
  db: Db,
  place: SourcePlace,
  sources: readonly StoredSource[],
): Promise<void> {
  const dir = await dirOf(db, place)
  // The project was deleted in the meantime; its sources are removed with it.
  if (!dir || sources.length === 0) return
  await sql`
    insert into distgit_source (project_dir_id, project_id, package_name, name, digest, bytes)
    select ${dir.id}::bigint, ${dir.project_id}::bigint, ${place.package_name}::text, name, digest, max(bytes)
    from ${sourceRows(sources)} group by name, digest
    on conflict do nothing`.execute(db)
}

/** Stops counting the sources of a package, all of which dist-git has deleted. */
export async function forgetSources(db: Db, place: SourcePlace): Promise<void> {
  const dir = await dirOf(db, place)
  if (!dir) return
  await db
    .deleteFrom('distgit_source')
    .where('project_dir_id', '=', dir.id)
    .where('package_name', '=', place.package_name)
    .execute()
}

async function dirOf(
  db: Db,
  { owner, dirname }: SourcePlace,
): Promise<{ id: number; project_id: number; projectname: string } | undefined> {
  return await db
    .selectFrom('project_dir')
    .innerJoin('project', 'project.id', 'project_dir.project_id')
    .select(['project_dir.id', 'project.id as project_id', 'project.name as projectname'])
    .where('project.ownername', '=', owner)
    .where('project_dir.name', '=', dirname)
    .where('project.deleted_at', 'is', null)
    .executeTakeFirst()
}

/** The sources as a table `source`. They are passed as arrays because a statement can have at most 65,535 parameters. */
function sourceRows(sources: readonly StoredSource[]) {
  return sql`unnest(${sources.map(({ name }) => name)}::text[], ${sources.map(({ digest }) => digest)}::text[],
    ${sources.map(({ bytes }) => bytes)}::bigint[]) as source (name, digest, bytes)`
}
