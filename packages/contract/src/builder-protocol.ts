/**
 * The protocol that the agents (builders, and dist-git for imports) use with the gateway, under `/builder`.
 *
 * | method and path | request → response |
 * | --- | --- |
 * | `POST /builder/enroll` | {@link EnrollRequest} → {@link EnrollAnswer} |
 * | `POST /builder/claim` | {@link ClaimRequest} → 200 {@link ClaimAnswer}, or 204 if no task became available during the long poll |
 * | `POST /builder/tasks/:task_id/heartbeat` | {@link HeartbeatRequest} → {@link HeartbeatAnswer}; 409 when the lease is lost |
 * | `PUT /builder/tasks/:task_id/log?name=N&offset=B` | bytes → {@link UploadAnswer} |
 * | `GET /builder/tasks/:task_id/srpm` | → the SRPM (import tasks), or the uploaded spec file (source tasks) |
 * | `PUT /builder/tasks/:task_id/files/:name?offset=B` | bytes → {@link UploadAnswer}: `size` is the number of bytes that the gateway has |
 * | `POST /builder/tasks/:task_id/finish` | {@link FinishRequest} → {@link FinishAnswer}; idempotent for one lease |
 * | `POST /builder/goodbye` | {@link GoodbyeRequest} → 204: the machine takes no further task |
 * | `GET /builder/agent` and `/builder/agent/:sha256` | the agent's program, for machines that boot; needs no session |
 *
 * All requests except `enroll` and `agent` carry `Authorization: Bearer SESSION_TOKEN`; all under `tasks/` carry `X-Copr-Lease: LEASE`.
 * Uploads can be resumed and retried: if the offset differs from the size at the gateway, the response is 409 with that size, and the
 * agent continues from there.
 */
import { z } from 'zod'
import { SOURCE_TYPES } from './api/sources.ts'
import { ChrootConfig, RepoConfig } from './chroot-config.ts'
import { FailureDetails } from './failure.ts'

export const TaskKind = z.enum(['source', 'import', 'rpm'])
export type TaskKind = z.infer<typeof TaskKind>

export const LEASE_HEADER = 'x-copr-lease'

/** Result of the self-test that a machine runs before its first task. A machine with faults is refused and gets no task. */
export const SelfTest = z.object({
  faults: z
    .array(
      z.object({
        kind: z.enum(['disk', 'memory', 'clock', 'sandbox', 'setup']),
        /** Shown to administrators. */
        message: z.string().max(1000),
      }),
    )
    .max(20),
  cpus: z.number().int().min(0),
  /** Memory without swap. */
  memory_mb: z.number().int().min(0),
  swap_mb: z.number().int().min(0),
  /** Free space on the file system of the folder where builds run. */
  disk_mb: z.number().int().min(0),
})
export type SelfTest = z.infer<typeof SelfTest>

export const EnrollRequest = z.object({
  /** A one-use token, exchanged for a session token. */
  enroll_token: z.string().min(16),
  name: z.string().max(200),
  kinds: z.array(TaskKind).min(1),
  /** Architectures that this machine builds for; `x86_64` includes `i686` and `noarch`. */
  arches: z.array(z.string()),
  tags: z.array(z.string()).default([]),
  /** Sent by builders only. */
  self_test: SelfTest.optional(),
})
export type EnrollRequest = z.infer<typeof EnrollRequest>

export const EnrollAnswer = z.object({
  machine_id: z.number().int(),
  session_token: z.string(),
  /** Maximum interval between two heartbeats. */
  heartbeat_seconds: z.number().positive(),
})
export type EnrollAnswer = z.infer<typeof EnrollAnswer>

export const ClaimRequest = z.object({
  /** How long the gateway may hold the request open while there is no task. */
  wait_seconds: z.number().min(0).max(60).default(25),
})
export type ClaimRequest = z.infer<typeof ClaimRequest>

const TaskBase = {
  /** `12` for the source task and the import task of build 12, `12-debian-12-x86_64` for the RPM task of a chroot. */
  task_id: z.string(),
  build_id: z.number().int(),
  owner: z.string(),
  project: z.string(),
  dirname: z.string(),
  /** Identifies the owner, project and submitter. In pools with `one_sandbox`, a machine is reused only for tasks with the same value. */
  sandbox: z.string(),
  submitter: z.string().nullable(),
  timeout_seconds: z.number().int().positive(),
}

const LinkSource = z.object({ type: z.literal('link'), url: z.string() })
export type LinkSource = z.infer<typeof LinkSource>

/** A spec file that a user has uploaded. */
const UploadSource = z.object({ type: z.literal('upload'), file_name: z.string() })

/** A source from which the builder makes the SRPM; its settings are described in @copr/contract/api/sources. */
const MadeSource = z.object({
  type: z.enum(SOURCE_TYPES),
  settings: z.record(z.string(), z.unknown()),
})
export type MadeSource = z.infer<typeof MadeSource>

const credentialText = z
  .string()
  .max(10_000)
  .regex(/^\P{Cc}*$/u, 'must not contain control characters')

/** A user name and a password for servers from which sources are fetched. */
const SourceCredentials = z.object({
  /**
   * Prefix of the URLs that the credentials are for: scheme, host, and optionally a path, which matches only whole path segments. They are
   * sent to no other server, not even after a redirect.
   */
  url: z
    .url({ protocol: /^https?$/ })
    .refine((text) => isPlainPrefix(text), 'must have no user name, query or fragment'),
  username: credentialText,
  password: credentialText,
})
export type SourceCredentials = z.infer<typeof SourceCredentials>

function isPlainPrefix(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && !/[@?#]/.test(text.slice(url.protocol.length)) && !hasControls(url)
}

function hasControls({ pathname }: URL): boolean {
  return /%(0|1|7f)/i.test(pathname)
}

/** A repository in addition to those of the chroot. */
export const TaskRepo = RepoConfig.extend({
  /** Whether a user chose the URL; if so, whatever fetches it must not connect to private networks. */
  is_external: z.boolean().default(true),
})
export type TaskRepo = z.infer<typeof TaskRepo>

/** The buildroot in which an SRPM is made. */
const SourceRoot = z.object({
  chroot: ChrootConfig,
  repos: z.array(TaskRepo),
  /** Macros in addition to those of the chroot. */
  macros: z.record(z.string(), z.string()),
})

/** A task that makes or fetches the SRPM; an uploaded SRPM needs no such task. */
export const SourceTask = z.object({
  kind: z.literal('source'),
  ...TaskBase,
  source: z.discriminatedUnion('type', [LinkSource, UploadSource, MadeSource]),
  /** Missing if the source is a link to an SRPM, which needs no buildroot. */
  root: SourceRoot.optional(),
  /** The name of the package, if it is known before the SRPM exists. */
  package_name: z.string().nullish(),
  /** For cloning repositories with their submodules. Secret: agents reveal them to no other process and log them nowhere. */
  credentials: z.array(SourceCredentials).max(100).optional(),
  limits: z.object({
    max_srpm_bytes: z.number().int().positive(),
    /** A task whose log gets longer fails. */
    max_log_bytes: z.number().int().positive(),
    /** Size of the disk that holds all that the task writes; a task that fills it fails. */
    max_disk_bytes: z.number().int().positive(),
  }),
})
export type SourceTask = z.infer<typeof SourceTask>

/** A task that commits an SRPM to dist-git, on one branch for each distribution version that the build's chroots have. */
export const ImportTask = z.object({
  kind: z.literal('import'),
  ...TaskBase,
  /** The name that the SRPM must have; the gateway has read it from the header. */
  package_name: z.string(),
  branches: z.array(z.string()).min(1),
  /** The project's quota; if it is missing, the configured limit applies. */
  limits: z.object({ max_unpacked_bytes: z.number().int().positive() }).optional(),
})
export type ImportTask = z.infer<typeof ImportTask>

/** Programs that check the packages of a successful build. */
const REVIEW_TOOLS = ['rpmlint', 'fedora-review'] as const
const ReviewTool = z.enum(REVIEW_TOOLS)
export type ReviewTool = z.infer<typeof ReviewTool>

/** The path of each tool's report among the results. */
export const REVIEW_FILE: Record<ReviewTool, string> = {
  rpmlint: 'rpmlint.txt',
  'fedora-review': 'fedora-review/review.txt',
}

/**
 * Agents upload files with names that contain no folders. A file whose name begins with `FEDORA_REVIEW_PREFIX` is published without the
 * prefix, in the folder `fedora-review`, where Copr's clients look for it.
 */
export const FEDORA_REVIEW_PREFIX = 'fedora-review~'

/** The findings of one tool; its report is the file that {@link REVIEW_FILE} names. */
export const Review = z.object({
  tool: ReviewTool,
  errors: z.number().int().min(0),
  warnings: z.number().int().min(0),
})
export type Review = z.infer<typeof Review>

/** `module` is `NAME:STREAM`. */
const ModuleToggle = z.object({ action: z.enum(['enable', 'disable']), module: z.string() })
export type ModuleToggle = z.infer<typeof ModuleToggle>

export const RpmTask = z.object({
  kind: z.literal('rpm'),
  ...TaskBase,
  package_name: z.string(),
  package_version: z.string().nullable(),
  chroot: ChrootConfig,
  /** Repositories in addition to those of the chroot, the project's own first. */
  repos: z.array(TaskRepo),
  buildroot_packages: z.array(z.string()),
  with_opts: z.array(z.string()),
  without_opts: z.array(z.string()),
  /** Module streams to enable or disable, in this order, before any package is installed. */
  modules: z.array(ModuleToggle).default([]),
  enable_net: z.boolean(),
  /** Tools that check the packages after a successful build; they never make it fail. */
  reviews: z.array(ReviewTool).default([]),
  /** Mock's bootstrap method. The native engine always installs packages with the machine's own dnf, and says so in the log. */
  bootstrap: z.string().optional(),
  /** Set only if the bootstrap method is `custom_image`. */
  bootstrap_image: z.string().nullish(),
  /** Mock's isolation method. The native engine always uses its own sandbox. */
  isolation: z.string().optional(),
  /** Macros in addition to those of the chroot: `copr_username`, `vendor`, `buildtag` and the like. */
  macros: z.record(z.string(), z.string()),
  /** The URL at which builders read the results, as in `repos`, and the URL for users; set only if the two differ. */
  results: z.object({ url: z.string(), public_url: z.string() }).optional(),
  /**
   * Whether the build belongs to a chain. If so, other builds of the chain may still provide its missing requirements, and the agent
   * reports the Provides that the spec declares.
   */
  in_chain: z.boolean().optional(),
  git_url: z.string(),
  git_commit: z.string().regex(/^[0-9a-f]{40}$/),
  /** Base URL of the source files, which are at `<lookaside_url>/<filename>/md5/<md5>/<filename>`. */
  lookaside_url: z.string(),
  limits: z.object({
    /** A build whose log gets longer fails. */
    max_log_bytes: z.number().int().positive(),
    max_result_bytes: z.number().int().positive(),
    /** Size of the disk that holds all that the build writes; a build that fills it fails. */
    max_disk_bytes: z.number().int().positive(),
  }),
})
export type RpmTask = z.infer<typeof RpmTask>

export const Task = z.discriminatedUnion('kind', [SourceTask, ImportTask, RpmTask])
export type Task = z.infer<typeof Task>

export const ClaimAnswer = z.object({ lease: z.string(), task: Task })
export type ClaimAnswer = z.infer<typeof ClaimAnswer>

export const HeartbeatRequest = z.object({
  /** Free text for the build's page, such as `preparing the root` or `building`. */
  phase: z.string().max(100).optional(),
})
export type HeartbeatRequest = z.infer<typeof HeartbeatRequest>

export const HeartbeatAnswer = z.object({ cancel: z.boolean(), lease_seconds: z.number() })
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswer>

export const UploadAnswer = z.object({ size: z.number().int() })
export type UploadAnswer = z.infer<typeof UploadAnswer>

export const ResultFile = z.object({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_+][A-Za-z0-9._+~^-]*$/)
    .max(255),
  size: z.number().int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
export type ResultFile = z.infer<typeof ResultFile>

/**
 * Why a task is returned to the queue:
 * - `machine_lost`: the machine terminated, or the agent was stopped
 * - `interrupted`: the cloud is reclaiming the machine
 * - `disk_full`
 * - `out_of_memory`: the task needs a machine with more memory
 * - `setup`: the machine could not start the build: the sandbox cannot be created, a repository of the chroot cannot be reached …
 */
export const LostCause = z.enum([
  'machine_lost',
  'interrupted',
  'disk_full',
  'out_of_memory',
  'setup',
])
export type LostCause = z.infer<typeof LostCause>

/** Limits on the number and the length of the dependencies that an agent reports; it omits dependencies beyond these limits. */
export const MAX_DEPENDENCIES = 1000
export const MAX_DEPENDENCY_LENGTH = 300

const DependencyTexts = z.array(z.string().max(MAX_DEPENDENCY_LENGTH)).max(MAX_DEPENDENCIES)

export const FinishRequest = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('succeeded'),
    files: z.array(ResultFile),
    /** The commit on each branch; import tasks only. */
    branch_commits: z.record(z.string(), z.string().regex(/^[0-9a-f]{40}$/)).optional(),
    /** The reports among `files`, at most one for each tool; RPM tasks only. */
    reviews: z.array(Review).max(REVIEW_TOOLS.length).optional(),
    /** Duration of each phase in seconds. */
    seconds: z.record(z.string(), z.number()).optional(),
  }),
  z.object({
    outcome: z.literal('failed'),
    /** One sentence that explains the failure on the build's page. */
    reason: z.string().max(2000),
    /** The cause, as far as the agent has found it; builders of earlier versions send none. */
    failure: FailureDetails.optional(),
    /** The requirements that no repository provides, such as `zlib-devel >= 1.3`; only for RPM tasks. */
    unmet: DependencyTexts.optional(),
    /** The Provides that the spec declares; only if the task has `in_chain`. */
    declares: DependencyTexts.optional(),
    files: z.array(ResultFile),
    seconds: z.record(z.string(), z.number()).optional(),
  }),
  /** The agent stopped the build because it was canceled. */
  z.object({ outcome: z.literal('canceled'), files: z.array(ResultFile) }),
  /** The build is not at fault; the task is retried on another machine. */
  z.object({
    outcome: z.literal('lost'),
    cause: LostCause.default('setup'),
    reason: z.string().max(2000),
  }),
])
export type FinishRequest = z.infer<typeof FinishRequest>

/** `accepted: false` means that the lease was lost; the agent must discard its results. */
export const FinishAnswer = z.object({ accepted: z.boolean() })
export type FinishAnswer = z.infer<typeof FinishAnswer>

/** Announces that a machine takes no more tasks, because its cloud is reclaiming it, or because it could not be cleaned after a task. */
export const GoodbyeRequest = z.object({
  cause: z.enum(['interrupted', 'cannot_clean']),
  reason: z.string().max(2000),
})
export type GoodbyeRequest = z.infer<typeof GoodbyeRequest>
