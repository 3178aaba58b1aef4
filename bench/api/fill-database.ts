import { builds, chroots, users } from './sizes.ts'
import { FILL_BUILDS } from './fill-builds.ts'
import { FILL_SITE } from './fill-site.ts'
import pg from 'pg'

/** Tables that stay empty, and why this does not make any measured read faster. */
const EMPTY: Record<string, string> = {
  schema_migration: 'filled by the migrations themselves',
  login_link: 'made by the bench when it begins: one that is valid',
  sighting: 'only the manager of machines reads it',
  pool_cost: 'only the manager of machines reads it',
  manager_lease: 'one row, of the manager of machines',
  pools_file: 'one row at most',
  gateway_beat: 'one row at most',
  outbox: 'events on their way, and the log of each webhook, which its page reads by an index',
  outbox_queue: 'a row for each destination of events',
  project_webhook: 'a few rows for each project',
  project_secret: 'a few rows for each project',
  webhook_delivery: 'at most 200 rows for each project',
  webhook_seen: 'only the receiver of webhooks reads it',
  commit_status: 'only the backend reads it',
  chain: 'read by its primary key',
  chain_step: 'read by the build chroots of a chain',
  sign_ticket: 'rights of a few minutes, which only the backend and keygen read',
}

const LARGE_ENOUGH = { build: builds, chroot: chroots, user_account: users }

/** Fills a migrated database, unless an earlier run has filled it. The data is deterministic. */
export async function fillDatabase(url: string, say: (line: string) => void): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query(`select 1 from build where id = ${builds}`)
    if (rows.length > 0) return
    await client.query(`select setseed(0.5); set work_mem = '256MB';
      -- The new rows refer to existing ones; checking the foreign keys would take most of the time.
      set session_replication_role = replica`)
    // In one transaction, so that an interrupted run leaves nothing behind.
    await client.query('begin')
    for (const [what, sql] of [...FILL_SITE, ...FILL_BUILDS]) {
      const began = Date.now()
      await client.query(sql)
      say(`${what}: ${((Date.now() - began) / 1000).toFixed(1)} s`)
    }
    await client.query(SET_IDENTITIES)
    await client.query('commit')
    await client.query('set session_replication_role = origin')
    // Autovacuum would do this as well, but later.
    await client.query('vacuum analyze')
    for (const line of await sizes(client)) say(line)
  } finally {
    await client.end()
  }
}

/** Advances the identity sequences past the IDs that were inserted explicitly. */
const SET_IDENTITIES = `
  do $$
  declare each record; last bigint;
  begin
    for each in select table_name from information_schema.columns
      where table_schema = 'public' and column_name = 'id' and is_identity = 'YES'
    loop
      execute format('select coalesce(max(id), 1) from %I', each.table_name) into last;
      perform setval(pg_get_serial_sequence(each.table_name, 'id'), last);
    end loop;
  end $$`

/**
 * Returns lines with the number of rows in each table. Throws if a table is unexpectedly empty, because reads from it would cost nothing.
 */
async function sizes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; rows: number }>(
    `select relname as name, reltuples::bigint as rows from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace order by reltuples desc`,
  )
  const missing = rows.filter(
    ({ name, rows: there }) =>
      Number(there) < (LARGE_ENOUGH[name as keyof typeof LARGE_ENOUGH] ?? 1) * 0.99 && !EMPTY[name],
  )
  if (missing.length > 0)
    throw new Error(
      `Cannot measure: these tables were not filled: ${missing.map(({ name }) => name).join(', ')}`,
    )
  return rows.map(({ name, rows: there }) => `${name}: ${there} rows`)
}
