/** A page of a list as the API asks for it; web pages go by id instead. */
export interface Page<Column extends string = string> {
  /** Undefined: everything. */
  limit?: number
  offset: number
  order: Column
  descending: boolean
}
