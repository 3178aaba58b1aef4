/** Reports whether PostgreSQL rejected a duplicate key: the name is taken, or a concurrent transaction inserted the row first. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505'
}
