import { QUOTA_KINDS, type QuotaDefaults, type QuotaKind } from '@copr/contract/quota-kinds'
import type { Db } from '../database/open.ts'
import {
  limitsOfOwner,
  limitsOfProject,
  type QuotaLimit,
  type QuotaLimits,
} from './quota-limits.ts'
import { storageOfOwner, storageOfProject, type StorageUse } from './storage-use.ts'
import { type QuotaCounted, runningTasksOf, waitingTasks } from './task-counts.ts'

/** The usage and the limit for one kind of quota. */
export interface QuotaRow extends QuotaLimit {
  kind: QuotaKind
  /** Null for quotas that limit the size of a single SRPM, for which there is no usage to add up. */
  used: number | null
}

export interface QuotaReport {
  rows: QuotaRow[]
  /** The usage of `storage_bytes`, broken down into results and sources. */
  storage: StorageUse
}

/** Returns an owner's limits and the total usage of the owner's projects. */
export async function quotaOfOwner(
  db: Db,
  ownername: string,
  defaults: QuotaDefaults,
): Promise<QuotaReport> {
  const limits = await limitsOfOwner(db, ownername, defaults)
  return await report(db, { ownername }, { limits, storage: await storageOfOwner(db, ownername) })
}

/** Returns the usage and the limits of one project. The limits of its owner apply as well. */
export async function quotaOfProject(
  db: Db,
  project: { id: number; ownername: string },
  defaults: QuotaDefaults,
): Promise<QuotaReport> {
  const { project: limits } = await limitsOfProject(db, project, defaults)
  return await report(db, project, { limits, storage: await storageOfProject(db, project) })
}

async function report(
  db: Db,
  counted: QuotaCounted,
  { limits, storage }: { limits: QuotaLimits; storage: StorageUse },
): Promise<QuotaReport> {
  const used: Record<QuotaKind, number | null> = {
    storage_bytes: storage.results + storage.sources,
    running_builds: await runningTasksOf(db, counted),
    queued_builds: await waitingTasks(db, counted),
    upload_bytes: null,
    unpacked_bytes: null,
  }
  return {
    rows: QUOTA_KINDS.map((kind) => ({ kind, used: used[kind], ...limits[kind] })),
    storage,
  }
}
