import type { z } from 'zod'
import type { Limits } from './configuration/limits.ts'

/**
 * The quantities that quotas limit:
 * - `storage_bytes`: the size of everything that the projects contain: results and logs, SRPMs, and sources in dist-git
 * - `running_builds`, `queued_builds`: the number of tasks that run or wait; a build has one task for its source and one for each chroot
 * - `upload_bytes`: the size of one SRPM
 * - `unpacked_bytes`: the size of the contents of one SRPM
 */
export const QUOTA_KINDS = [
  'storage_bytes',
  'running_builds',
  'queued_builds',
  'upload_bytes',
  'unpacked_bytes',
] as const
export type QuotaKind = (typeof QUOTA_KINDS)[number]

/**
 * Quotas that limit a single SRPM; for these, there is no usage to add up. The project's value, if it has one, replaces its owner's value.
 */
export const SIZE_KINDS: readonly QuotaKind[] = ['upload_bytes', 'unpacked_bytes']

type ConfiguredLimits = z.infer<typeof Limits>

/** The limits in the configuration. They apply to owners and projects for which an administrator has set no others. */
export type QuotaDefaults = Pick<ConfiguredLimits, 'max_upload_bytes' | 'max_unpacked_bytes'> &
  Partial<
    Pick<
      ConfiguredLimits,
      | 'max_storage_bytes_per_owner'
      | 'max_storage_bytes_per_project'
      | 'max_builds_per_owner'
      | 'max_builds_per_project'
      | 'max_queued_builds_per_owner'
      | 'max_queued_builds_per_project'
    >
  >
