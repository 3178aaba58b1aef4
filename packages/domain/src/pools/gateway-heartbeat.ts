import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** A gateway counts as down if it has sent no heartbeat for longer than this. */
const DOWN_SECONDS = 15

/** Records a gateway's heartbeat. Machines count as silent only for times when a gateway was up to receive their requests. */
export async function noteGatewayBeat(db: Db, now: Date): Promise<void> {
  await db
    .insertInto('gateway_beat')
    .values({ up_since: now, beat_at: now })
    .onConflict((on) =>
      on.column('only_one').doUpdateSet({
        beat_at: now,
        up_since: sql<Date>`case when gateway_beat.beat_at < ${new Date(now.getTime() - DOWN_SECONDS * 1000)}
          then ${now} else gateway_beat.up_since end`,
      }),
    )
    .execute()
}

/**
 * Returns the time since when a gateway has been up; undefined if none is up. If no gateway has ever sent a heartbeat, returns the Unix
 * epoch.
 */
export async function gatewayUpSince(db: Db, now: Date): Promise<Date | undefined> {
  const beat = await db.selectFrom('gateway_beat').selectAll().executeTakeFirst()
  if (!beat) return new Date(0)
  const isUp = now.getTime() - beat.beat_at.getTime() <= DOWN_SECONDS * 1000
  return isUp ? beat.up_since : undefined
}
