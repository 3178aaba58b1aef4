/** A page of a list, given by offset, as API clients request it; web pages use keyset pagination instead. */
export interface Page<Column extends string = string> {
  /** Undefined means no limit. */
  limit?: number
  offset: number
  order: Column
  descending: boolean
}
