import { delayOf } from '@copr/process/attempts'
import type { Db, Tx } from '../database/open.ts'

const MINUTE_MS = 60 * 1000
const WINDOW_MS = 10 * MINUTE_MS
/** Counts that nobody looks at any more go after this. */
const FORGOTTEN_MS = 24 * 60 * MINUTE_MS
const MAX_DELAY_MS = 10 * MINUTE_MS
/**
 * Failures that cost nothing: of one name from one address, from one address, which may be that of a whole office, and
 * of one name from everywhere. Each one more doubles the delay, from a second on.
 */
const FREE_FAILURES = { pair: 10, address: 50, user: 100 } as const

export interface LoginAttempt {
  username: string
  /** The client's address, or its network for IPv6, see addressKey(); undefined: not known. */
  address: string | undefined
  /**
   * Has this user logged in from this address before? Then what others try elsewhere does not count: they could keep the
   * owner out otherwise.
   */
  is_known?: boolean
}

/**
 * Counts an attempt to log in, before the password is looked at, so that many at the same time count too. Returns until
 * when the next one is refused, for this user name from this address, from this address, or for this user name.
 */
export async function countAttempt(
  db: Db,
  attempt: LoginAttempt,
  now: Date,
): Promise<Date | undefined> {
  return await db.transaction().execute(async (tx) => {
    const counted: Counted[] = []
    // Rows are locked in this order everywhere, which rules out deadlocks.
    for (const { key, free } of keysOf(attempt)) counted.push(await lockOne(tx, key, free))
    const until = Math.max(...counted.map(({ blocked_until }) => blocked_until?.getTime() ?? 0))
    // A refused attempt is none: it must not lengthen the delay of others.
    if (until > now.getTime()) return new Date(until)
    for (const each of counted) await countOne(tx, each, now)
    return undefined
  })
}

/** The attempt was a good one: the pair's failures are forgotten, the address and the name get their one back. */
export async function attemptSucceeded(db: Db, attempt: LoginAttempt, now: Date): Promise<void> {
  const [pair, ...others] = keysOf(attempt)
  await db.transaction().execute(async (tx) => {
    await tx
      .deleteFrom('login_failure')
      .where('key', '=', pair?.key ?? '')
      .execute()
    for (const { key } of others)
      await tx
        .updateTable('login_failure')
        .set((eb) => ({ failures: eb('failures', '-', 1), blocked_until: null }))
        .where('key', '=', key)
        .where('failures', '>', 0)
        .execute()
  })
  await db
    .deleteFrom('login_failure')
    .where('last_at', '<', new Date(now.getTime() - FORGOTTEN_MS))
    .execute()
}

function keysOf({ username, address, is_known }: LoginAttempt): { key: string; free: number }[] {
  const user = `user ${username.toLowerCase()}`
  const from = address?.toLowerCase()
  return [
    { key: `${user} from ${from ?? 'unknown'}`, free: FREE_FAILURES.pair },
    ...(from === undefined ? [] : [{ key: `address ${from}`, free: FREE_FAILURES.address }]),
    ...(is_known ? [] : [{ key: user, free: FREE_FAILURES.user }]),
  ]
}

interface Counted {
  key: string
  free: number
  failures: number
  last_at: Date
  blocked_until: Date | null
}

async function lockOne(tx: Tx, key: string, free: number): Promise<Counted> {
  const found = await tx
    .insertInto('login_failure')
    .values({ key, failures: 0, last_at: new Date(0) })
    // Changes nothing, but locks the row.
    .onConflict((oc) => oc.column('key').doUpdateSet({ key }))
    .returning(['failures', 'last_at', 'blocked_until'])
    .executeTakeFirstOrThrow()
  return { key, free, ...found }
}

async function countOne(tx: Tx, before: Counted, now: Date): Promise<void> {
  // A delay is no time in which nothing was tried.
  const last_at = Math.max(before.last_at.getTime(), before.blocked_until?.getTime() ?? 0)
  const failures = now.getTime() - last_at >= WINDOW_MS ? 1 : before.failures + 1
  const delay_ms = delayOf(failures - before.free, MAX_DELAY_MS)
  const blocked_until = delay_ms > 0 ? new Date(now.getTime() + delay_ms) : null
  await tx
    .updateTable('login_failure')
    .set({ failures, last_at: now, blocked_until })
    .where('key', '=', before.key)
    .execute()
}
