/** Returns the lines that are in only one of two sorted package lists, marked as diff would mark them. */
export function comparePackages(before: string[], after: string[]): string[] {
  const was = new Set(before)
  const is = new Set(after)
  return [
    ...before.filter((line) => !is.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !was.has(line)).map((line) => `+ ${line}`),
  ]
}
