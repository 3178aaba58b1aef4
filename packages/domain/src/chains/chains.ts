import { CoprError } from '@copr/process/errors'
import type { Selectable } from 'kysely'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import type { ChainTable } from '../database/schema.ts'

/** Maximum number of builds in a chain, because each event of a chain reads all of them. */
export const MAX_CHAIN_BUILDS = 300

export type Chain = Selectable<ChainTable>

/** Creates an empty chain and returns its id. The chain is open: builds can be added until it is started. */
export async function createChain(db: Db, project_id: number, now: Date): Promise<number> {
  const { id } = await db
    .insertInto('chain')
    .values({ project_id, created_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Returns a chain; undefined if there is none with this id or its project was deleted. */
export async function findChain(db: Db, id: number): Promise<Chain | undefined> {
  if (!Number.isSafeInteger(id)) return undefined
  return await db
    .selectFrom('chain')
    .innerJoin('project', 'project.id', 'chain.project_id')
    .selectAll('chain')
    .where('chain.id', '=', id)
    .where('project.deleted_at', 'is', null)
    .executeTakeFirst()
}

/**
 * Starts an open chain: from now on its packages are built, and no more builds can be added. Throws `conflict` if it was already started.
 */
export async function startChain(db: Db, id: number, now: Date): Promise<void> {
  const started = await db
    .updateTable('chain')
    .set({ started_at: now })
    .where('id', '=', id)
    .where('started_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (!started)
    throw new CoprError('conflict', `Cannot start chain ${id}: it has been started already`)
  await notify(db, 'copr_chain')
}

/** Throws unless `builds` more builds can be added to the chain; joinChain() checks again for each build, with the chain locked. */
export async function checkChain(
  db: Db,
  { chain_id, project_id, builds }: { chain_id: number; project_id: number; builds: number },
): Promise<void> {
  const chain = Number.isSafeInteger(chain_id)
    ? await db.selectFrom('chain').selectAll().where('id', '=', chain_id).executeTakeFirst()
    : undefined
  requireOpen(chain, { chain_id, project_id })
  await requireSpace(db, chain_id, builds)
}

/**
 * Locks the chain and throws unless a build can be added to it. `name` is the build's package, which is known only for an uploaded SRPM.
 */
export async function joinChain(
  tx: Tx,
  {
    chain_id,
    project_id,
    name,
  }: { chain_id: number; project_id: number; name?: string | undefined },
): Promise<void> {
  const chain = await tx
    .selectFrom('chain')
    .selectAll()
    .where('id', '=', chain_id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  requireOpen(chain, { chain_id, project_id })
  await requireSpace(tx, chain_id, 1)
  const twin = name === undefined ? undefined : await twinInChain(tx, { chain_id, name })
  if (twin !== undefined) throw new CoprError('invalid', twinText(chain_id, name ?? '', twin))
}

/** Returns the id of another build of the same package in a chain; undefined if there is none. */
export async function twinInChain(
  tx: Tx,
  { chain_id, name, except = 0 }: { chain_id: number; name: string; except?: number },
): Promise<number | undefined> {
  const row = await tx
    .selectFrom('build')
    .innerJoin('package', 'package.id', 'build.package_id')
    .select('build.id')
    .where('build.chain_id', '=', chain_id)
    .where('build.id', '<>', except)
    .where('package.name', '=', name)
    .executeTakeFirst()
  return row?.id
}

export function twinText(chain_id: number, name: string, build_id: number): string {
  return `Cannot add ${name} to chain ${chain_id}: build ${build_id} of the chain is of the same package, and a chain builds each package once`
}

function requireOpen(
  chain: Chain | undefined,
  { chain_id, project_id }: { chain_id: number; project_id: number },
): void {
  if (!chain || chain.project_id !== project_id)
    throw new CoprError('invalid', `chain_id: the project has no chain ${chain_id}`)
  if (chain.started_at !== null)
    throw new CoprError(
      'invalid',
      `chain_id: chain ${chain_id} has been started already; no build can be added`,
    )
}

async function requireSpace(db: Db, chain_id: number, builds: number): Promise<void> {
  const { count } = await db
    .selectFrom('build')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('chain_id', '=', chain_id)
    .executeTakeFirstOrThrow()
  if (Number(count) + builds > MAX_CHAIN_BUILDS)
    throw new CoprError(
      'invalid',
      `chain_id: chain ${chain_id} has ${count} builds, and ${builds} more are too many: the limit is ${MAX_CHAIN_BUILDS}`,
    )
}

/** Returns the unfinished builds of a chain, oldest first. */
export async function unfinishedBuildsOf(db: Db, chain_id: number): Promise<number[]> {
  const rows = await db
    .selectFrom('build')
    .select('id')
    .where('chain_id', '=', chain_id)
    .where('finished_at', 'is', null)
    .orderBy('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** Returns the id of the chain that a build is in; undefined if it is in none. */
export async function chainIdOf(db: Db, build_id: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('build')
    .select('chain_id')
    .where('id', '=', build_id)
    .executeTakeFirst()
  return row?.chain_id ?? undefined
}
