import { type RawBuilder, sql } from 'kysely'

/** For `where('id', '=', anyOf(ids))`: a single parameter, whereas `in` takes one for each id and PostgreSQL allows only 65,535. */
export function anyOf(ids: number[]): RawBuilder<number> {
  return sql<number>`any(${ids}::bigint[])`
}
