import { type RawBuilder, sql } from 'kysely'

/**
 * For `where('id', '=', anyOf(ids))`: passes all IDs as one parameter. With `in`, each ID would be a parameter, and PostgreSQL allows only
 * 65,535 parameters.
 */
export function anyOf(ids: number[]): RawBuilder<number> {
  return sql<number>`any(${ids}::bigint[])`
}
