import { CoprError } from '@copr/process/errors'
import type { Db, Tx } from '../database/open.ts'
import { rightsIn } from '../projects/project-access.ts'
import type { Actor } from '../audit/actor.ts'
import { lockBuild } from '../states/build-state.ts'

/**
 * Refers to a build for whose batch the new build waits (`after_build_id`), or whose batch it joins (`with_build_id`); at most one of the
 * two is set.
 */
export interface BatchWish {
  after_build_id?: number | undefined
  with_build_id?: number | undefined
}

type Field = keyof BatchWish

/** The error for a request with both options, with the wording of Copr's API followed by that of its forms. */
export const BOTH_BATCHES =
  'You may either build after build ID, or with build id, not both. Only one batch option can be specified'

/**
 * Throws unless the actor may add a build with this wish. Anyone may wait for an existing batch. Joining a batch, or making a build the
 * first of a new batch, affects when other builds start, so the actor must have the right to build in one of the batch's projects.
 */
export async function checkBatch(db: Db, actor: Actor, wish: BatchWish): Promise<void> {
  const named = namedBuild(wish)
  if (!named) return
  const [field, id] = named
  const build = await buildOf(db, id)
  if (!build) throw new CoprError('invalid', `${field}: Build ${id} not found: it doesn't exist`)
  checkOpen(field, id, build)
  if (build.batch_id !== null && field === 'after_build_id') return
  const members = build.batch_id === null ? [build] : await membersOf(db, build.batch_id)
  for (const project of new Map(members.map((each) => [each.project_id, each])).values())
    if ((await rightsIn(db, actor, { ...project, id: project.project_id })).build) return
  const [member] = members
  const project = `${member?.ownername}/${member?.name}`
  const fact =
    build.batch_id === null
      ? `Build ${id} is not yet in any batch, and user '${actor.username}' doesn't have the build permissions in project '${project}' to create a new one`
      : `The batch ${build.batch_id} belongs to project ${project}. You are not allowed to build there, so you neither can edit the batch`
  throw new CoprError('invalid', `${field}: ${fact}`)
}

/** Returns the ID of the batch for a new build; creates the batch if necessary. Returns null if the build needs none. */
export async function batchOf(tx: Tx, wish: BatchWish): Promise<number | null> {
  const named = namedBuild(wish)
  if (!named) return null
  const [field, build_id] = named
  const batch = await batchOfBuild(tx, field, build_id)
  return field === 'with_build_id' ? batch : await newBatch(tx, batch)
}

/** Finds a batch and up to `limit` of its builds, newest first; with `before_id`, only builds older than that one. */
export async function findBatch(
  db: Db,
  id: number,
  { before_id, limit }: { before_id?: number | undefined; limit: number },
): Promise<{ blocked_by: number | null; build_ids: number[] } | undefined> {
  if (!Number.isSafeInteger(id)) return undefined
  const batch = await db
    .selectFrom('batch')
    .select('blocked_by')
    .where('id', '=', id)
    .executeTakeFirst()
  if (!batch) return undefined
  let query = db
    .selectFrom('build')
    .select('id')
    .where('batch_id', '=', id)
    .orderBy('id', 'desc')
    .limit(limit)
  if (before_id !== undefined) query = query.where('id', '<', before_id)
  const rows = await query.execute()
  return { ...batch, build_ids: rows.map((row) => row.id) }
}

/** Returns the id of a build's batch; undefined if it has none. */
export async function batchIdOf(db: Db, build_id: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('build')
    .select('batch_id')
    .where('id', '=', build_id)
    .executeTakeFirst()
  return row?.batch_id ?? undefined
}

function namedBuild({ after_build_id, with_build_id }: BatchWish): [Field, number] | undefined {
  if (after_build_id !== undefined && with_build_id !== undefined)
    throw new CoprError('invalid', `after_build_id: ${BOTH_BATCHES}`)
  if (after_build_id !== undefined) return ['after_build_id', after_build_id]
  return with_build_id === undefined ? undefined : ['with_build_id', with_build_id]
}

async function batchOfBuild(tx: Tx, field: Field, build_id: number): Promise<number> {
  // IDs of builds stay below 2^53; PostgreSQL would reject a larger number if it does not fit the column.
  const exists = Number.isSafeInteger(build_id) && (await lockBuild(tx, build_id))
  const build = exists ? await buildOf(tx, build_id) : undefined
  if (!build)
    throw new CoprError('invalid', `${field}: Build ${build_id} not found: it doesn't exist`)
  checkOpen(field, build_id, build)
  if (build.batch_id !== null) {
    if (field === 'with_build_id') await checkUnfinished(tx, build.batch_id, build_id)
    return build.batch_id
  }
  const batch_id = await newBatch(tx, null)
  await tx.updateTable('build').set({ batch_id }).where('id', '=', build_id).execute()
  return batch_id
}

/** Throws if the build is finished and has no batch, because then there is nothing to wait for. */
function checkOpen(
  field: Field,
  build_id: number,
  build: { batch_id: number | null; finished_at: Date | null },
): void {
  if (build.batch_id === null && build.finished_at !== null)
    throw new CoprError(
      'invalid',
      `${field}: Build ${build_id} is not yet in any batch, and new batch can not be created because the build has already finished`,
    )
}

async function checkUnfinished(tx: Tx, batch_id: number, build_id: number): Promise<void> {
  const open = await tx
    .selectFrom('build')
    .select('id')
    .where('batch_id', '=', batch_id)
    .where('finished_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  if (!open)
    throw new CoprError(
      'invalid',
      `with_build_id: Batch ${batch_id} is already finished: the batch of build ${build_id} accepts no more builds`,
    )
}

async function newBatch(tx: Tx, blocked_by: number | null): Promise<number> {
  const { id } = await tx
    .insertInto('batch')
    .values({ blocked_by })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

function buildsWithProject(db: Db) {
  return db
    .selectFrom('build')
    .innerJoin('project', 'project.id', 'build.project_id')
    .select([
      'build.batch_id',
      'build.finished_at',
      'build.project_id',
      'project.ownername',
      'project.name',
      'project.persistent',
    ])
    .where('project.deleted_at', 'is', null)
}

async function buildOf(db: Db, id: number) {
  if (!Number.isSafeInteger(id)) return undefined
  return await buildsWithProject(db).where('build.id', '=', id).executeTakeFirst()
}

async function membersOf(db: Db, batch_id: number) {
  return await buildsWithProject(db).where('build.batch_id', '=', batch_id).execute()
}
