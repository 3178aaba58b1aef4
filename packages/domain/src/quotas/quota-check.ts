import type { QuotaDefaults } from '@copr/contract/quota-kinds'
import { CoprError } from '@copr/process/errors'
import { formatBytes } from '@copr/process/format-bytes'
import { sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'
import { limitsOfProject, type QuotaLimits, type QuotaProject } from './quota-limits.ts'
import { storageOfOwner, storageOfProject } from './storage-use.ts'
import { waitingTasks } from './task-counts.ts'

const HIGHER = 'or ask an administrator for a higher quota'

export interface WantedStorage {
  /** The refused operation, for the message: `Cannot submit the build`. */
  refusal: string
  /** Number of bytes to be stored now. If 0, the request is refused only if the limit has already been reached. */
  bytes: number
}

/** Throws `over_quota` if storing `bytes` would exceed the storage quota of the project or its owner. */
export async function requireStorage(
  db: Db,
  project: QuotaProject,
  { limits, ...wanted }: WantedStorage & { limits: QuotaDefaults },
): Promise<void> {
  await checkStorage(db, project, { ...(await limitsOfProject(db, project, limits)), ...wanted })
}

/** Returns why the project may not store that much; undefined if it may. */
export async function storageRefusal(
  ...args: Parameters<typeof requireStorage>
): Promise<string | undefined> {
  try {
    await requireStorage(...args)
    return undefined
  } catch (error) {
    if (error instanceof CoprError && error.kind === 'over_quota') return error.message
    throw error
  }
}

/** Throws `over_quota` if `builds` more waiting tasks, or `bytes` more in storage, would exceed a limit of the project or its owner. */
export async function requireBuildQuota(
  db: Db,
  project: QuotaProject,
  { limits, builds = 1, bytes = 0 }: { limits: QuotaDefaults; builds?: number; bytes?: number },
): Promise<void> {
  const refusal = builds === 1 ? 'Cannot submit the build' : `Cannot submit ${builds} builds`
  const quotas = await limitsOfProject(db, project, limits)
  await checkQueue(db, project, { ...quotas, refusal, builds })
  await checkStorage(db, project, { ...quotas, refusal, bytes })
}

/**
 * Serializes submissions to all projects of an owner until the transaction ends, so that concurrent submissions cannot together exceed a
 * quota. Callers must take this lock before any other lock.
 */
export async function lockQuota(tx: Tx, ownername: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`copr quota of ${ownername}`}, 0))`.execute(
    tx,
  )
}

interface Quotas {
  owner: QuotaLimits
  project: QuotaLimits
  refusal: string
}

async function checkQueue(
  db: Db,
  { id, ownername, name }: QuotaProject,
  { owner, project, refusal, builds }: Quotas & { builds: number },
): Promise<void> {
  const checks = [
    [ownername, owner, { ownername }],
    [`${ownername}/${name}`, project, { ownername, id }],
  ] as const
  for (const [subject, limits, of] of checks) {
    const { max } = limits.queued_builds
    if (max === null) continue
    const waiting = await waitingTasks(db, of)
    if (waiting + builds > max)
      throw new CoprError(
        'over_quota',
        `${refusal}: ${subject} has ${waiting} waiting ${waiting === 1 ? 'task' : 'tasks'}, the limit is ${max}; wait until some have started, cancel builds, ${HIGHER}`,
      )
  }
}

async function checkStorage(
  db: Db,
  of: QuotaProject,
  { owner, project, refusal, bytes }: Quotas & WantedStorage,
): Promise<void> {
  const checks = [
    [`the projects of ${of.ownername} hold`, owner, () => storageOfOwner(db, of.ownername)],
    [`${of.ownername}/${of.name} holds`, project, () => storageOfProject(db, of)],
  ] as const
  for (const [subject, limits, read] of checks) {
    const { max } = limits.storage_bytes
    if (max === null) continue
    const { results, sources } = await read()
    const used = results + sources
    if (used < max && used + bytes <= max) continue
    const more = bytes === 0 ? '' : ` and would get ${formatBytes(bytes)} more`
    throw new CoprError(
      'over_quota',
      `${refusal}: ${subject} ${formatBytes(used)}${more}, the limit is ${formatBytes(max)}; delete builds, packages or projects, ${HIGHER}`,
    )
  }
}
