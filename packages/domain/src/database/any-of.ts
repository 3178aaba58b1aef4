import { type RawBuilder, sql } from 'kysely'

/**
 * For `where('id', '=', anyOf(ids))`: passes all ids as one parameter; `in` would take one parameter per id, and PostgreSQL
 * allows only 65,535.
 */
export function anyOf(ids: number[]): RawBuilder<number> {
  return sql<number>`any(${ids}::bigint[])`
}
