/**
 * Writes packages/domain/src/database/schema.ts by running the migrations on a real PostgreSQL and querying the result. (kysely-codegen
 * needs the compiler API, which TypeScript 7 no longer has.)
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '@copr/domain/database/embedded-postgres'
import { migrate } from '@copr/domain/database/migrate'
import pg from 'pg'

/** Columns whose values have a narrower type in TypeScript than in SQL. */
const NARROWER: Record<string, string> = {
  'action.data': 'Json<Record<string, unknown>>',
  'action.kind': "'fork'",
  'api_token.scopes': 'TokenScope[]',
  'audit_log.details': 'Json<Record<string, unknown>>',
  'build.failure': 'Json<FailureDetails>',
  'build.source_json': 'Json<Record<string, unknown>>',
  'build.source_state': "State<SourceState, 'pending' | 'importing' | 'succeeded'>",
  'build.source_type': 'SourceType',
  'build.state': "State<BuildState, 'pending'>",
  'build_chroot.failure': 'Json<FailureDetails>',
  'build_chroot.reviews': 'Json<Review[]>',
  'build_chroot.seconds': 'Json<Record<string, number>>',
  'build_chroot.state': "State<ChrootState, 'waiting'>",
  'chroot.config': 'Json<ChrootConfig>',
  'machine.counters': 'Json<Record<string, number>>',
  'machine.launch_order': 'Json<LaunchOrder>',
  'machine.provider_data': 'Json<Record<string, unknown>>',
  'machine.state': "State<MachineState, 'planned' | 'booting'>",
  'outbox.data': 'Json<Record<string, unknown>>',
  'outbox.outcome': "'delivered' | 'failed'",
  'outbox_queue.channel': "'amqp' | 'mail' | 'webhook'",
  'package.source_json': 'Json<Record<string, unknown>>',
  'package.source_type': 'SourceType',
  'pool.config': 'Json<PoolConfig>',
  'project.key_algorithm': 'KeyAlgorithm',
  'project_permission.admin': 'PermissionState',
  'project_permission.builder': 'PermissionState',
  'project_webhook.events': 'BuildEvent[]',
  'project.webhook_pull_requests': "'all' | 'own' | 'none'",
  'project_secret.forge': 'StatusForge',
  'project_secret.kind': 'SecretPurpose',
  'quota.kind': 'QuotaKind',
  'removal.place': "'results' | 'distgit'",
  'task.kind': "'source' | 'import' | 'rpm' | 'publish'",
  'task.payload': 'Json<ResultFile[]>',
  'task.state': "State<TaskState, 'parked' | undefined>",
  'commit_status.reported': 'CommitState',
  'webhook_delivery.decisions': 'Json<Decision[]>',
  'webhook_delivery.forge': 'WebhookSource',
  'webhook_delivery.headers': 'Json<Record<string, string>>',
  'webhook_delivery.outcome': 'DeliveryOutcome',
}

const TYPES: Record<string, string> = {
  int8: 'number',
  int4: 'number',
  float8: 'number',
  text: 'string',
  uuid: 'string',
  bool: 'boolean',
  timestamptz: 'Date',
  date: 'string',
  bytea: 'Buffer',
  jsonb: 'Json<unknown>',
  _text: 'string[]',
}

const HEAD = `// Generated from the migrations by \`make schema\`; edit those, not this file.
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
`

interface Column {
  table_name: string
  column_name: string
  udt_name: string
  is_nullable: 'YES' | 'NO'
  is_identity: 'YES' | 'NO'
  column_default: string | null
}

function typeOf(column: Column): string {
  const type = NARROWER[`${column.table_name}.${column.column_name}`] ?? TYPES[column.udt_name]
  if (!type)
    throw new Error(
      `No type for ${column.table_name}.${column.column_name} (${column.udt_name}): add it to TYPES`,
    )
  if (column.is_identity === 'YES') return `GeneratedAlways<${type}>`
  const orNull = column.is_nullable === 'YES' ? `${type} | null` : type
  if (column.column_default === null || type.startsWith('State<')) return orNull
  return type.startsWith('Json<') ? `Default${type}` : `Generated<${orNull}>`
}

const pascal = (name: string): string =>
  name.replaceAll(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())

const dir = mkdtempSync(join(tmpdir(), 'copr-schema-'))
try {
  await using postgres = await startEmbeddedPostgres({
    dir: join(dir, 'postgres'),
    password: 'schema',
    unsafe: true,
  })
  await migrate(postgres.url)
  const client = new pg.Client(postgres.url)
  await client.connect()
  const { rows } = await client.query<Column>(
    `select table_name, column_name, udt_name, is_nullable, is_identity, column_default
     from information_schema.columns where table_schema = 'public' and table_name <> 'schema_migration'
     order by table_name, ordinal_position`,
  )
  await client.end()
  const tables = Map.groupBy(rows, (row) => row.table_name)
  const interfaces = [...tables].map(
    ([name, columns]) =>
      `export interface ${pascal(name)}Table {\n${columns.map((c) => `  ${c.column_name}: ${typeOf(c)}`).join('\n')}\n}\n`,
  )
  const all = `export interface DB {\n${[...tables.keys()].map((name) => `  ${name}: ${pascal(name)}Table`).join('\n')}\n}\n`
  const target = process.argv[2] ?? 'packages/domain/src/database/schema.ts'
  writeFileSync(target, [HEAD, ...interfaces, all].join('\n'))
} finally {
  rmSync(dir, { recursive: true, force: true })
}
