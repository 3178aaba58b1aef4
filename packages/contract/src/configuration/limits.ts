import { z } from 'zod'

const bytes = (gib: number): z.ZodDefault<z.ZodNumber> =>
  z
    .number()
    .int()
    .positive()
    .default(gib * 1024 ** 3)
const count = z.number().int().positive()

export const Limits = z.strictObject({
  max_upload_bytes: bytes(10).describe(
    'maximum size of one SRPM, uploaded or made by a builder, in bytes; a quota may replace it ([quotas.md](quotas.md))',
  ),
  max_unpacked_bytes: bytes(20).describe(
    'maximum size of the contents of one SRPM, in bytes; a quota may replace it ([quotas.md](quotas.md))',
  ),
  max_unpacked_file_bytes: bytes(10).describe(
    'maximum size of one file in an SRPM, in bytes; the limit for a spec file is 64 MiB',
  ),
  max_unpacked_files: count.default(20_000).describe('maximum number of files in an SRPM'),
  max_storage_bytes_per_owner: bytes(100).describe(
    "maximum size of all that an owner's projects hold, in bytes: results and logs, SRPMs, and sources in dist-git; a quota may replace it ([quotas.md](quotas.md))",
  ),
  max_storage_bytes_per_project: count
    .optional()
    .describe(
      'maximum size of all that one project holds, in bytes; without it, only the limit of its owner applies',
    ),
  default_timeout_seconds: count
    .default(18_000)
    .describe('timeout of a build that names none, in seconds'),
  max_timeout_seconds: count
    .default(108_000)
    .describe('longest timeout that a build may request, in seconds'),
  max_log_bytes: bytes(1).describe(
    'maximum size of the output of one build, in bytes; a build with more output fails',
  ),
  max_result_bytes: bytes(40).describe('maximum size of the results of one build chroot, in bytes'),
  max_disk_bytes: z
    .number()
    .int()
    .min(64 * 1024 ** 2)
    .max(8 * 1024 ** 4)
    .default(40 * 1024 ** 3)
    .describe(
      'size of the disk that a builder gives to one build for all that it writes, in bytes; a build that fills it fails',
    ),
  lease_seconds: z
    .number()
    .positive()
    .default(60)
    .describe(
      'the lease of a task expires after this many seconds without a heartbeat; the task is then requeued',
    ),
  heartbeat_seconds: z
    .number()
    .positive()
    .default(2)
    .describe('seconds between the heartbeats of a builder'),
  max_attempts: count
    .default(5)
    .describe(
      'maximum number of attempts of a task whose machines are lost; after the last one, its build fails',
    ),
  token_days: count.default(180).describe('number of days for which a classic API token is valid'),
  max_builds_per_owner: count
    .optional()
    .describe(
      "maximum number of an owner's tasks that run at a time; without it, only fair scheduling limits them. A quota may replace it ([quotas.md](quotas.md))",
    ),
  max_builds_per_project: count
    .optional()
    .describe(
      'maximum number of tasks of one project that run at a time; a quota may replace it ([quotas.md](quotas.md))',
    ),
  max_queued_builds_per_owner: count
    .default(10_000)
    .describe(
      "maximum number of an owner's tasks that wait; builds are refused while there are that many. A quota may replace it ([quotas.md](quotas.md))",
    ),
  max_queued_builds_per_project: count
    .optional()
    .describe('maximum number of waiting tasks of one project; without it, there is no limit'),
  max_builds_per_sandbox: count
    .optional()
    .describe('maximum number of tasks of one project and submitter that run at a time'),
  max_builds_per_arch: z
    .record(z.string(), count)
    .optional()
    .describe('maximum number of tasks that run at a time, for each architecture: `{ s390x: 8 }`'),
  max_builds_per_owner_and_arch: z
    .record(z.string(), count)
    .optional()
    .describe(
      "maximum number of an owner's tasks that run at a time, for each architecture: `{ s390x: 2 }`",
    ),
})
