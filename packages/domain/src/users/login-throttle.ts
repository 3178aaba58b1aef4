import type { Db, Tx } from '../database/open.ts'

const MINUTE_MS = 60 * 1000
const WINDOW_MS = 10 * MINUTE_MS
/** Counts that nobody looks at any more go after this. */
const FORGOTTEN_MS = 24 * 60 * MINUTE_MS
/** An address may be that of a whole office. */
const MAX_FAILURES = { user: 10, address: 50 } as const

export interface LoginAttempt {
  username: string
  /** Undefined: not known. */
  address: string | undefined
}

/**
 * Counts an attempt to log in, before the password is looked at, so that many at the same time count too. Returns until
 * when no more are allowed, by this user name or from this address.
 */
export async function countAttempt(
  db: Db,
  attempt: LoginAttempt,
  now: Date,
): Promise<Date | undefined> {
  return await db.transaction().execute(async (tx) => {
    let blocked: Date | undefined
    // In this order everywhere: two attempts never wait for each other crosswise.
    for (const { key, max } of keysOf(attempt)) {
      const until = await countOne(tx, key, max, now)
      if (until && (!blocked || until > blocked)) blocked = until
    }
    return blocked
  })
}

/** The attempt was a good one: the name's failures are forgotten, the address gets its one back. */
export async function attemptSucceeded(db: Db, attempt: LoginAttempt, now: Date): Promise<void> {
  const [user, address] = keysOf(attempt)
  await db.transaction().execute(async (tx) => {
    await tx
      .deleteFrom('login_failure')
      .where('key', '=', user?.key ?? '')
      .execute()
    if (address)
      await tx
        .updateTable('login_failure')
        .set((eb) => ({ failures: eb('failures', '-', 1) }))
        .where('key', '=', address.key)
        .where('failures', '>', 0)
        .execute()
  })
  await db
    .deleteFrom('login_failure')
    .where('last_at', '<', new Date(now.getTime() - FORGOTTEN_MS))
    .execute()
}

function keysOf({ username, address }: LoginAttempt): { key: string; max: number }[] {
  const user = { key: `user ${username.toLowerCase()}`, max: MAX_FAILURES.user }
  return address === undefined
    ? [user]
    : [user, { key: `address ${address.toLowerCase()}`, max: MAX_FAILURES.address }]
}

async function countOne(tx: Tx, key: string, max: number, now: Date): Promise<Date | undefined> {
  const found = await tx
    .insertInto('login_failure')
    .values({ key, failures: 0, last_at: now })
    // Changes nothing, but locks the row.
    .onConflict((oc) => oc.column('key').doUpdateSet({ key }))
    .returning(['failures', 'last_at', 'blocked_until'])
    .executeTakeFirstOrThrow()
  if (found.blocked_until && found.blocked_until > now) return found.blocked_until
  const isOld = found.blocked_until !== null || now.getTime() - found.last_at.getTime() >= WINDOW_MS
  const failures = isOld ? 1 : found.failures + 1
  const blocked_until = failures > max ? new Date(now.getTime() + WINDOW_MS) : null
  await tx
    .updateTable('login_failure')
    .set({ failures, last_at: now, blocked_until })
    .where('key', '=', key)
    .execute()
  return blocked_until ?? undefined
}
