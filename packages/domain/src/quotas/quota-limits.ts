import {
  QUOTA_KINDS,
  type QuotaDefaults,
  type QuotaKind,
  SIZE_KINDS,
} from '@copr/contract/quota-kinds'
import type { Db } from '../database/open.ts'

/** The limit that one kind of quota sets for one owner or project. */
export interface QuotaLimit {
  /** Null if there is no limit. */
  max: number | null
  /** Whether an administrator has set it for this owner or project; otherwise it comes from the configuration. */
  is_set: boolean
}

export type QuotaLimits = Record<QuotaKind, QuotaLimit>

/** A project whose quotas are checked, together with those of its owner. */
export interface QuotaProject {
  id: number
  ownername: string
  name: string
}

/** Returns the limits of an owner: a user, or a group with its `@`. */
export async function limitsOfOwner(
  db: Db,
  ownername: string,
  defaults: QuotaDefaults,
): Promise<QuotaLimits> {
  const set = await db
    .selectFrom('quota')
    .select(['kind', 'max'])
    .where('ownername', '=', ownername)
    .execute()
  return withSet(set, ownerDefaults(defaults))
}

/**
 * Returns the limits of a project and of its owner. If a limit on the size of SRPMs is not set for the project, its owner's limit applies.
 */
export async function limitsOfProject(
  db: Db,
  { id, ownername }: Pick<QuotaProject, 'id' | 'ownername'>,
  defaults: QuotaDefaults,
): Promise<{ owner: QuotaLimits; project: QuotaLimits }> {
  const set = await db
    .selectFrom('quota')
    .select(['kind', 'max', 'project_id'])
    .where((eb) => eb.or([eb('ownername', '=', ownername), eb('project_id', '=', id)]))
    .execute()
  const owner = withSet(
    set.filter(({ project_id }) => project_id === null),
    ownerDefaults(defaults),
  )
  const own = {
    storage_bytes: defaults.max_storage_bytes_per_project,
    running_builds: defaults.max_builds_per_project,
    queued_builds: defaults.max_queued_builds_per_project,
    ...Object.fromEntries(SIZE_KINDS.map((kind) => [kind, owner[kind].max ?? undefined])),
  }
  const project = withSet(
    set.filter(({ project_id }) => project_id !== null),
    own,
  )
  return { owner, project }
}

/** The maximum sizes of one SRPM, packed and unpacked. */
export interface SrpmLimits {
  upload_bytes: number
  unpacked_bytes: number
}

/** Returns the maximum sizes of an SRPM of this project. */
export async function srpmLimits(
  db: Db,
  project: Pick<QuotaProject, 'id' | 'ownername'>,
  defaults: QuotaDefaults,
): Promise<SrpmLimits> {
  const { upload_bytes, unpacked_bytes } = (await limitsOfProject(db, project, defaults)).project
  return {
    upload_bytes: upload_bytes.max ?? defaults.max_upload_bytes,
    unpacked_bytes: unpacked_bytes.max ?? defaults.max_unpacked_bytes,
  }
}

/**
 * Returns the size of the largest upload that any project accepts. It is needed because a multipart body may contain the name of the
 * project only after the file.
 */
export async function largestUpload(db: Db, defaults: QuotaDefaults): Promise<number> {
  const { max } = await db
    .selectFrom('quota')
    .select((eb) => eb.fn.max('max').as('max'))
    .where('kind', '=', 'upload_bytes')
    .executeTakeFirstOrThrow()
  return Math.max(max ?? 0, defaults.max_upload_bytes)
}

function ownerDefaults(defaults: QuotaDefaults): Record<QuotaKind, number | undefined> {
  return {
    storage_bytes: defaults.max_storage_bytes_per_owner,
    running_builds: defaults.max_builds_per_owner,
    queued_builds: defaults.max_queued_builds_per_owner,
    upload_bytes: defaults.max_upload_bytes,
    unpacked_bytes: defaults.max_unpacked_bytes,
  }
}

function withSet(
  set: { kind: QuotaKind; max: number | null }[],
  defaults: Partial<Record<QuotaKind, number | undefined>>,
): QuotaLimits {
  const limitOf = (kind: QuotaKind): QuotaLimit => {
    const found = set.find((each) => each.kind === kind)
    return found ? { max: found.max, is_set: true } : { max: defaults[kind] ?? null, is_set: false }
  }
  return Object.fromEntries(QUOTA_KINDS.map((kind) => [kind, limitOf(kind)])) as QuotaLimits
}
