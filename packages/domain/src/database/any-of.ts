import { type RawBuilder, sql } from 'kysely'

/** For `where('id', '=', anyOf(ids))`: one parameter however many ids there are, where `in` has one for each, and 65535 at most. */
export function anyOf(ids: number[]): RawBuilder<number> {
  return sql<number>`any(${ids}::bigint[])`
}
