// Generated from the migrations by `make schema`; edit those, not this file.
import type { ResultFile, Review } from '@copr/contract/builder-protocol'
import type { ChrootConfig } from '@copr/contract/chroot-config'
import type { BuildEvent } from '@copr/contract/events'
import type { FailureDetails } from '@copr/contract/failure'
import type { KeyAlgorithm, SecretPurpose } from '@copr/contract/keygen-protocol'
import type { PoolConfig } from '@copr/contract/pools/provider-options'
import type { QuotaKind } from '@copr/contract/quota-kinds'
import type {
  CommitState,
  Decision,
  DeliveryOutcome,
  StatusForge,
  WebhookSource,
} from '@copr/contract/api/webhooks'
import type { BuildState, PermissionState, SourceType } from '@copr/contract/states'
import type { TokenScope } from '@copr/contract/token-scopes'
import type { ColumnType, Generated, GeneratedAlways } from 'kysely'
import type { LaunchOrder } from './launch-order.ts'
import type { ChrootState, MachineState, SourceState, TaskState } from './state-columns.ts'

/** A JSON column. It is read as a value but written as JSON text, because pg would send an array as a PostgreSQL array. */
type Json<T> = ColumnType<T, string, string>
type DefaultJson<T> = ColumnType<T, string | undefined, string>

/** A state column. Rows are inserted with one of the initial states; after that, only the functions in states/ change it. */
type State<All, First extends All | undefined> = ColumnType<All, First, never>

export interface ActionTable {
  id: GeneratedAlways<number>
  kind: 'fork'
  project_id: number
  data: Json<Record<string, unknown>>
  created_at: Date
  not_before: Date | null
  attempts: Generated<number>
  lease_until: Date | null
  ended_at: Date | null
  error: string | null
}

export interface ApiTokenTable {
  id: GeneratedAlways<number>
  user_id: number
  login: string
  token_hash: Buffer
  expires_on: string
  created_at: Date
  last_used_at: Date | null
  name: string | null
  scopes: TokenScope[] | null
  project_id: number | null
}

export interface AuditLogTable {
  id: GeneratedAlways<number>
  at: Date
  user_id: number | null
  actor: string
  via: string
  action: string
  project_id: number | null
  subject: string
  reason: string | null
  details: Json<Record<string, unknown>>
}

export interface BatchTable {
  id: GeneratedAlways<number>
  blocked_by: number | null
}

export interface BuildTable {
  id: GeneratedAlways<number>
  project_id: number
  project_dir_id: number
  package_id: number | null
  package_version: string | null
  source_type: SourceType
  source_json: Json<Record<string, unknown>>
  source_state: State<SourceState, 'pending' | 'importing' | 'succeeded'>
  source_started_at: Date | null
  source_ended_at: Date | null
  srpm_name: string | null
  state: State<BuildState, 'pending'>
  fail_reason: string | null
  canceled: Generated<boolean>
  submitter_id: number | null
  submitted_at: Date
  finished_at: Date | null
  is_background: Generated<boolean>
  timeout_seconds: number
  enable_net: boolean | null
  bootstrap: Generated<string>
  isolation: Generated<string>
  chroots_wanted: string[] | null
  batch_id: number | null
  submitted_by: string | null
  forked_from: number | null
  source_bytes: Generated<number>
  source_measured: Generated<boolean>
  failure: Json<FailureDetails> | null
  chain_id: number | null
}

export interface BuildChrootTable {
  id: GeneratedAlways<number>
  build_id: number
  chroot_id: number
  state: State<ChrootState, 'waiting'>
  state_reason: string | null
  git_commit: string | null
  result_dir: string | null
  started_at: Date | null
  ended_at: Date | null
  repository_id: number | null
  generation: number | null
  seconds: Json<Record<string, number>> | null
  result_bytes: Generated<number>
  results_measured: Generated<boolean>
  failure: Json<FailureDetails> | null
  reviews: Json<Review[]> | null
}

export interface BuiltPackageTable {
  id: GeneratedAlways<number>
  build_chroot_id: number
  name: string
  epoch: number | null
  version: string
  release: string
  arch: string
}

export interface ChainTable {
  id: GeneratedAlways<number>
  project_id: number
  created_at: Date
  started_at: Date | null
  ended_at: Date | null
}

export interface ChainStepTable {
  build_chroot_id: number
  requires: Generated<string[]>
  unmet: Generated<string[]>
  provides: Generated<string[]>
  released_with: number | null
  is_stuck: Generated<boolean>
}

export interface ChrootTable {
  id: GeneratedAlways<number>
  name: string
  os_release: string
  os_version: string
  arch: string
  distgit_branch: string
  config: Json<ChrootConfig>
  comment: Generated<string>
  is_active: Generated<boolean>
  created_at: Date
  ended_at: Date | null
}

export interface ChrootAliasTable {
  name_release: string
  target: string
}

export interface CommitStatusTable {
  build_id: number
  project_id: number
  forge_url: string
  repository: string
  commit: string
  context: string
  reported: CommitState | null
  attempts: Generated<number>
  created_at: Date
  due_at: Date | null
  given_up: string | null
}

export interface DistgitSourceTable {
  project_dir_id: number
  package_name: string
  name: string
  digest: string
  project_id: number
  bytes: number
}

export interface GatewayBeatTable {
  only_one: Generated<boolean>
  up_since: Date
  beat_at: Date
}

export interface GroupMemberTable {
  group_id: number
  user_id: number
}

export interface ImportedCommitTable {
  build_id: number
  branch: string
  git_commit: string
}

export interface KeyChangesSeenTable {
  only_row: Generated<boolean>
  until: Date
}

export interface LoginFailureTable {
  key: string
  failures: number
  last_at: Date
  blocked_until: Date | null
}

export interface LoginLinkTable {
  token_hash: Buffer
  user_id: number
  created_at: Date
  expires_at: Date
}

export interface MachineTable {
  id: GeneratedAlways<number>
  pool: string
  name: string
  state: State<MachineState, 'planned' | 'booting'>
  enroll_token_hash: Buffer | null
  session_token_hash: Buffer | null
  kinds: Generated<string[]>
  arches: Generated<string[]>
  tags: Generated<string[]>
  created_at: Date
  enrolled_at: Date | null
  last_seen_at: Date | null
  gone_at: Date | null
  provider: string | null
  provider_id: string | null
  provider_data: DefaultJson<Record<string, unknown>>
  offering: string | null
  price_per_hour: Generated<number>
  launch_token: string | null
  attempt: Generated<number>
  launch_order: Json<LaunchOrder> | null
  id_in_pool: number | null
  counters: DefaultJson<Record<string, number>>
  planned_arches: string[] | null
  planned_tags: string[] | null
  sandbox: string | null
  sandboxed_at: Date | null
  uses: Generated<number>
  released_at: Date | null
  needs_cleaning: Generated<boolean>
  cordoned: Generated<boolean>
  held_until: Date | null
  held_reason: string | null
  checked_at: Date | null
  check_failures: Generated<number>
  launching_at: Date | null
  booting_at: Date | null
  draining_at: Date | null
  deleting_at: Date | null
  stopped_at: Date | null
  delete_attempts: Generated<number>
  next_try_at: Date | null
  last_listed_at: Date | null
  absent_since: Date | null
  failure_class: string | null
  failure_text: string | null
  ended_cause: string | null
  cost_until: Date | null
  version: Generated<number>
  memory_mb: number | null
  planned_kinds: Generated<string[]>
}

export interface MachineEventTable {
  id: GeneratedAlways<number>
  machine_id: number | null
  pool: string
  at: Date
  kind: string
  text: Generated<string>
}

export interface ManagerLeaseTable {
  name: string
  holder: string
  held_since: Date
  until: Date
}

export interface OfferingTable {
  pool: string
  name: string
  quota_group: Generated<string>
  price_per_hour: number
  unavailable_until: Date | null
  failure_class: string | null
  failure_text: string | null
  failed_at: Date | null
  attempts: Generated<number>
  successes: Generated<number>
  success_rate: Generated<number>
  start_seconds: number | null
  memory_mb: number | null
}

export interface OutboxTable {
  id: GeneratedAlways<number>
  queue_id: number
  ordering: string
  message_id: Generated<string>
  event: string
  data: Json<Record<string, unknown>>
  created_at: Date
  not_before: Date | null
  attempts: Generated<number>
  outcome: 'delivered' | 'failed' | null
  ended_at: Date | null
  status: number | null
  answer: string | null
}

export interface OutboxQueueTable {
  id: GeneratedAlways<number>
  channel: 'amqp' | 'mail' | 'webhook'
  webhook_id: number | null
  is_enabled: Generated<boolean>
  lease: string | null
  lease_until: Date | null
  retry_at: Date | null
  failures: Generated<number>
  failing_since: Date | null
  last_error: string | null
}

export interface PackageTable {
  id: GeneratedAlways<number>
  project_id: number
  name: string
  source_type: SourceType
  source_json: Json<Record<string, unknown>>
  webhook_rebuild: Generated<boolean>
  max_builds: Generated<number>
  timeout_seconds: Generated<number>
  chroot_denylist: Generated<string>
  created_at: Date
}

export interface PoolTable {
  name: string
  provider: string
  config: Json<PoolConfig>
  position: number
  configured_at: Date
  retired_at: Date | null
  one_sandbox: boolean
  cleans: boolean
  reuse_opportunity_time: number
  reuse_max_count: number
  reuse_max_time: number
  claim_rank: number
  on_demand: string[]
  cordoned: Generated<boolean>
  hold_reason: string | null
  held_until: Date | null
  boot_failures: Generated<number>
  throttled_until: Date | null
  last_start_at: Date | null
  listed_at: Date | null
  list_tried_at: Date | null
  list_error: string | null
}

export interface PoolCostTable {
  pool: string
  month: string
  amount: number
}

export interface PoolsFileTable {
  only_one: Generated<boolean>
  digest: string
  read_at: Date
  accepted_at: Date | null
  error: string | null
}

export interface ProjectTable {
  id: GeneratedAlways<number>
  ownername: string
  name: string
  user_id: number
  homepage: string | null
  contact: string | null
  description: Generated<string>
  instructions: Generated<string>
  devel_mode: Generated<boolean>
  persistent: Generated<boolean>
  unlisted_on_hp: Generated<boolean>
  auto_prune: Generated<boolean>
  enable_net: Generated<boolean>
  bootstrap: Generated<string>
  isolation: Generated<string>
  module_hotfixes: Generated<boolean>
  appstream: Generated<boolean>
  fedora_review: Generated<boolean>
  multilib: Generated<boolean>
  follow_fedora_branching: Generated<boolean>
  repo_priority: number | null
  delete_after: Date | null
  additional_repos: Generated<string[]>
  runtime_dependencies: Generated<string[]>
  packit_forge_projects_allowed: Generated<string[]>
  key_algorithm: Generated<KeyAlgorithm>
  public_key: string | null
  key_fingerprint: string | null
  created_at: Date
  deleted_at: Date | null
  webhook_secret: string | null
  forked_from: number | null
  inherited_keys: Generated<string[]>
  rpmlint: Generated<boolean>
  webhook_signed_only: Generated<boolean>
  webhook_pull_requests: Generated<'all' | 'own' | 'none'>
}

export interface ProjectChrootTable {
  project_id: number
  chroot_id: number
  is_enabled: Generated<boolean>
  delete_after: Date | null
  additional_repos: Generated<string[]>
  additional_packages: Generated<string[]>
  additional_modules: Generated<string[]>
  with_opts: Generated<string[]>
  without_opts: Generated<string[]>
  bootstrap: Generated<string>
  bootstrap_image: string | null
  isolation: Generated<string>
  comps_name: string | null
  comps: string | null
  build_tags: Generated<string[]>
}

export interface ProjectDirTable {
  id: GeneratedAlways<number>
  project_id: number
  name: string
  created_at: Date
  last_build_at: Date | null
}

export interface ProjectPermissionTable {
  project_id: number
  user_id: number
  admin: Generated<PermissionState>
  builder: Generated<PermissionState>
}

export interface ProjectSearchTable {
  project_id: number
  text: string
}

export interface ProjectSecretTable {
  id: GeneratedAlways<number>
  project_id: number
  kind: SecretPurpose
  url: string
  username: string | null
  forge: StatusForge | null
  api_url: string | null
  sealed: Buffer
  changed_at: Date
  last_error: string | null
}

export interface ProjectWebhookTable {
  id: GeneratedAlways<number>
  project_id: number
  url: string
  events: BuildEvent[]
  sealed_secret: Buffer
  previous_secret: Buffer | null
  previous_until: Date | null
  created_at: Date
  disabled_reason: string | null
  disabled_at: Date | null
}

export interface QuotaTable {
  id: GeneratedAlways<number>
  ownername: string | null
  project_id: number | null
  kind: QuotaKind
  max: number | null
}

export interface RemovalTable {
  id: GeneratedAlways<number>
  place: 'results' | 'distgit'
  path: string
  wanted_at: Date
}

export interface RepositoryTable {
  id: GeneratedAlways<number>
  project_dir_id: number
  chroot_id: number
  generation: Generated<number>
  published_generation: Generated<number>
  published_at: Date | null
  is_devel: Generated<boolean>
}

export interface RepositoryMemberTable {
  repository_id: number
  path: string
  build_chroot_id: number
  sha256: string
  size: number
}

export interface SessionTable {
  token_hash: Buffer
  user_id: number
  created_at: Date
  expires_at: Date
  id_token: string | null
}

export interface SightingTable {
  provider: string
  kind: string
  provider_id: string
  pool: string | null
  machine_id: number | null
  first_seen_at: Date
  last_seen_at: Date
  sightings: Generated<number>
  remove_tried_at: Date | null
  remove_error: string | null
}

export interface SignTicketTable {
  id: string
  project_id: number
  build_id: number | null
  task_id: string | null
  build_chroot_id: number | null
  repository_id: number | null
  part: Generated<number>
  digests: Buffer
  count: number
  issued_at: Generated<Date>
  expires_at: Generated<Date>
  used_at: Date | null
}

export interface StorageChangeTable {
  id: GeneratedAlways<number>
  project_id: number
  ownername: string
  result_bytes: number
  source_bytes: number
}

export interface StorageUseTable {
  project_id: number
  ownername: string
  result_bytes: number
  source_bytes: number
}

export interface TaskTable {
  id: GeneratedAlways<number>
  task_id: string
  kind: 'source' | 'import' | 'rpm' | 'publish'
  build_id: number
  build_chroot_id: number | null
  state: State<TaskState, 'parked' | undefined>
  arch: string | null
  tags: Generated<string[]>
  ownername: string
  project_id: number
  sandbox: string
  priority: Generated<number>
  queued_at: Date
  not_before: Date | null
  attempts: Generated<number>
  cancel_requested: Generated<boolean>
  lease: string | null
  lease_until: Date | null
  leased_at: Date | null
  machine_id: number | null
  phase: string | null
  last_lease: string | null
  payload: Json<ResultFile[]> | null
  min_memory_mb: number | null
  lost_cause: string | null
  staged_task_id: number | null
  staged_lease: string | null
}

export interface UserAccountTable {
  id: GeneratedAlways<number>
  username: string
  email: string | null
  is_admin: Generated<boolean>
  password_hash: string | null
  created_at: Date
  oidc_issuer: string | null
  oidc_subject: string | null
  provider_groups: Generated<string[]>
  blocked_at: Date | null
  wants_mail: Generated<boolean>
}

export interface UserGroupTable {
  id: GeneratedAlways<number>
  name: string
  provider_group: string | null
  description: Generated<string>
  created_at: Date
}

export interface WaitingReasonTable {
  arch: string
  tags: string[]
  ownername: string
  sandbox: string
  tasks: number
  reason: string
  since: Date
}

export interface WebhookDeliveryTable {
  id: GeneratedAlways<number>
  project_id: number
  received_at: Date
  forge: WebhookSource
  event: string | null
  delivery_key: string | null
  remote_address: string | null
  package_name: string | null
  dirname: string | null
  headers: DefaultJson<Record<string, string>>
  body: Buffer | null
  body_bytes: number
  outcome: DeliveryOutcome
  reason: string | null
  decisions: DefaultJson<Decision[]>
  replay_of: number | null
}

export interface WebhookSeenTable {
  project_id: number
  key: string
  seen_at: Date
  is_done: Generated<boolean>
}

export interface DB {
  action: ActionTable
  api_token: ApiTokenTable
  audit_log: AuditLogTable
  batch: BatchTable
  build: BuildTable
  build_chroot: BuildChrootTable
  built_package: BuiltPackageTable
  chain: ChainTable
  chain_step: ChainStepTable
  chroot: ChrootTable
  chroot_alias: ChrootAliasTable
  commit_status: CommitStatusTable
  distgit_source: DistgitSourceTable
  gateway_beat: GatewayBeatTable
  group_member: GroupMemberTable
  imported_commit: ImportedCommitTable
  key_changes_seen: KeyChangesSeenTable
  login_failure: LoginFailureTable
  login_link: LoginLinkTable
  machine: MachineTable
  machine_event: MachineEventTable
  manager_lease: ManagerLeaseTable
  offering: OfferingTable
  outbox: OutboxTable
  outbox_queue: OutboxQueueTable
  package: PackageTable
  pool: PoolTable
  pool_cost: PoolCostTable
  pools_file: PoolsFileTable
  project: ProjectTable
  project_chroot: ProjectChrootTable
  project_dir: ProjectDirTable
  project_permission: ProjectPermissionTable
  project_search: ProjectSearchTable
  project_secret: ProjectSecretTable
  project_webhook: ProjectWebhookTable
  quota: QuotaTable
  removal: RemovalTable
  repository: RepositoryTable
  repository_member: RepositoryMemberTable
  session: SessionTable
  sighting: SightingTable
  sign_ticket: SignTicketTable
  storage_change: StorageChangeTable
  storage_use: StorageUseTable
  task: TaskTable
  user_account: UserAccountTable
  user_group: UserGroupTable
  waiting_reason: WaitingReasonTable
  webhook_delivery: WebhookDeliveryTable
  webhook_seen: WebhookSeenTable
}
