import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/**
 * Computes the estimated cost of each pool's machines since the previous call, at the prices of their offerings, and adds it to the pool's
 * monthly total.
 */
export async function accrueCosts(db: Db, now: Date): Promise<void> {
  await sql`
    with due as (
      select id, pool, price_per_hour, coalesce(cost_until, launching_at) as since,
        least(${now}, coalesce(gone_at, ${now})) as until
      from machine
      where provider is not null and launching_at is not null
        and (state <> 'gone' or (gone_at > ${new Date(now.getTime() - 7 * 86_400_000)}
          and (cost_until is null or cost_until < gone_at)))
      for update
    ), paid as (
      update machine set cost_until = due.until from due where machine.id = due.id
    )
    insert into pool_cost (pool, month, amount)
    select pool, date_trunc('month', until at time zone 'utc')::date,
      sum(greatest(0, extract(epoch from until - since)) / 3600 * price_per_hour)
    from due where until > since group by 1, 2
    on conflict (pool, month) do update set amount = pool_cost.amount + excluded.amount`.execute(db)
}

/** Returns the estimated cost of each pool in the month (UTC) of `now`. */
export async function costsOfMonth(db: Db, now: Date): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('pool_cost')
    .select(['pool', 'amount'])
    .where('month', '=', `${now.toISOString().slice(0, 7)}-01`)
    .execute()
  return new Map(rows.map(({ pool, amount }) => [pool, amount]))
}
