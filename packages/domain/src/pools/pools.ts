import type { PoolConfig } from '@copr/contract/pools/provider-options'
import { type Selectable, type Updateable, sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { PoolTable } from '../database/schema.ts'

export type Pool = Selectable<PoolTable>

/**
 * Reports whether a machine, once used, accepts only tasks of the same sandbox. Default: true, except for local builders, which clean up.
 */
function isOneSandbox(config: PoolConfig): boolean {
  return config.one_sandbox ?? config.provider !== 'local'
}

/** Returns the rank of a pool. If machines of several pools could run a task, those of the pool with the highest rank claim first. */
function claimRank({ priority, tags, tags_on_demand }: PoolConfig): number {
  return [...tags, ...tags_on_demand].reduce((sum, tag) => sum + tag.priority, priority)
}

/**
 * Stores the pools of a pools file that was accepted. Pools that are no longer in the file are retired: their machines are drained, and no
 * new ones are started. If a pool's configuration has changed, its hold ends.
 */
export async function syncPools(
  db: Db,
  pools: readonly { name: string; config: PoolConfig; cleans: boolean }[],
  now: Date,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (const [position, { name, config, cleans }] of pools.entries()) {
      const { reuse_opportunity_time, reuse_max_count, reuse_max_time, tags_on_demand } = config
      const facts = {
        provider: config.provider,
        config: JSON.stringify(config),
        position,
        one_sandbox: isOneSandbox(config),
        cleans,
        reuse_opportunity_time,
        reuse_max_count,
        reuse_max_time,
        claim_rank: claimRank(config),
        on_demand: tags_on_demand.map((tag) => tag.name),
        retired_at: null,
      }
      await tx
        .insertInto('pool')
        .values({ name, configured_at: now, ...facts })
        .onConflict((on) => on.column('name').doUpdateSet(facts))
        .execute()
    }
    await tx
      .updateTable('pool')
      .set({ retired_at: now })
      .where('retired_at', 'is', null)
      .where('name', 'not in', ['', ...pools.map(({ name }) => name)])
      .execute()
  })
}

/** Ends the hold of a pool whose configuration has changed, because the change may have fixed the cause of the hold. */
export async function poolReconfigured(db: Db, name: string, now: Date): Promise<void> {
  await db
    .updateTable('pool')
    .set({ configured_at: now, hold_reason: null, held_until: null, boot_failures: 0 })
    .where('name', '=', name)
    .execute()
}

export async function allPools(db: Db): Promise<Pool[]> {
  return await db.selectFrom('pool').selectAll().orderBy('position').orderBy('name').execute()
}

export async function setPool(db: Db, name: string, set: Updateable<PoolTable>): Promise<void> {
  await db.updateTable('pool').set(set).where('name', '=', name).execute()
}

/** Counts a failed boot of a machine. When the limit is reached, holds the pool until `held_until` and returns true. */
export async function noteBootFailure(
  db: Db,
  name: string,
  { limit, held_until, reason }: { limit: number; held_until: Date; reason: string },
): Promise<boolean> {
  const held = await db
    .updateTable('pool')
    .set({
      boot_failures: sql<number>`boot_failures + 1`,
      hold_reason: sql<string>`case when boot_failures + 1 >= ${limit} then ${reason} else hold_reason end`,
      held_until: sql<Date>`case when boot_failures + 1 >= ${limit} then ${held_until} else held_until end`,
    })
    .where('name', '=', name)
    .returning('boot_failures')
    .executeTakeFirst()
  return (held?.boot_failures ?? 0) >= limit
}

/** Deletes a retired pool once it has no machines left. */
export async function forgetPool(db: Db, name: string): Promise<void> {
  await db
    .deleteFrom('pool')
    .where('name', '=', name)
    .where('retired_at', 'is not', null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('machine')
            .select('machine.id')
            .whereRef('machine.pool', '=', 'pool.name')
            .where('machine.provider', 'is not', null)
            .where('machine.state', '<>', 'gone'),
        ),
      ),
    )
    .execute()
}
