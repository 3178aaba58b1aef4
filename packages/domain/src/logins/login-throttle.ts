import { delayOf } from '@copr/process/attempts'
import type { Db, Tx } from '../database/open.ts'

const MINUTE_MS = 60 * 1000
const WINDOW_MS = 10 * MINUTE_MS
/** Counters are deleted this long after the last attempt that they counted. */
const FORGOTTEN_MS = 24 * 60 * MINUTE_MS
const MAX_DELAY_MS = 10 * MINUTE_MS
/**
 * Maximum numbers of failures that cause no delay: `pair` for one user name from one address, `address` for one address, which a whole
 * office may share, and `user` for one user name from all addresses. The next failure causes a delay of one second, and each further
 * failure doubles it.
 */
const FREE_FAILURES = { pair: 10, address: 50, user: 100 } as const

export interface LoginAttempt {
  username: string
  /** The client's address, or for IPv6 its network (see addressKey()); undefined if unknown. */
  address: string | undefined
  /**
   * Whether this user has logged in from this address before. If so, failures with this user name from other addresses do not matter:
   * otherwise, an attacker could lock the owner out.
   */
  is_known?: boolean
}

/**
 * Counts a login attempt before the password is checked, so that concurrent attempts count as well. Returns undefined if the
 * attempt is permitted, else the time until which attempts are refused for this pair, address or user name.
 */
export async function countAttempt(
  db: Db,
  attempt: LoginAttempt,
  now: Date,
): Promise<Date | undefined> {
  return await db.transaction().execute(async (tx) => {
    const counted: Counted[] = []
    // Rows are locked in this order everywhere, so deadlocks are impossible.
    for (const { key, free } of keysOf(attempt)) counted.push(await lockOne(tx, key, free))
    const until = Math.max(...counted.map(({ blocked_until }) => blocked_until?.getTime() ?? 0))
    // A refused attempt does not count: it must not prolong the delay for others.
    if (until > now.getTime()) return new Date(until)
    for (const each of counted) await countOne(tx, each, now)
    return undefined
  })
}

/**
 * Records a successful attempt: deletes the pair's counter, and subtracts the attempt from the counters of the address and the user name.
 */
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
    // The update changes nothing, but locks the row.
    .onConflict((oc) => oc.column('key').doUpdateSet({ key }))
    .returning(['failures', 'last_at', 'blocked_until'])
    .executeTakeFirstOrThrow()
  return { key, free, ...found }
}

async function countOne(tx: Tx, before: Counted, now: Date): Promise<void> {
  // Time spent in a delay does not count as time without failures.
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
