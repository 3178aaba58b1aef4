import type { ColumnType, Kysely } from 'kysely'
import type { Db } from '../database/open.ts'
import type { DB } from '../database/schema.ts'

type AnyState<Table> = {
  [Column in keyof Table]: Column extends 'state' | 'source_state'
    ? Table[Column] extends ColumnType<infer State, infer _, never>
      ? ColumnType<State, State | undefined, State>
      : Table[Column]
    : Table[Column]
}

/** For tests: makes the state columns writable in the types, so that fixtures can start in the middle of a build. */
export function fixtures(db: Db): Kysely<{ [Name in keyof DB]: AnyState<DB[Name]> }> {
  return db as unknown as Kysely<{ [Name in keyof DB]: AnyState<DB[Name]> }>
}
