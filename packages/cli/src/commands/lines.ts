/** Formats a list as a table, and an object as lines of `name: value`. */
export function linesOf(value: object): string[] {
  if (!Array.isArray(value))
    return Object.entries(value).map(([name, each]) => `${name}: ${textOf(each)}`)
  const rows = value as Record<string, unknown>[]
  const [first] = rows
  if (!first) return []
  const columns = Object.keys(first)
  const cells = [columns, ...rows.map((row) => columns.map((column) => textOf(row[column])))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)))
  return cells.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Replaces control characters, so that text from users cannot move the cursor of an administrator's terminal. */
function textOf(value: unknown): string {
  return plainOf(value).replaceAll(/\p{Cc}/gu, ' ')
}

function plainOf(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  if (value instanceof Date) return value.toISOString().replace(/\.\d+Z$/, 'Z')
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(plainOf).join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}
