/** Lines of two sorted lists of packages that are not in both, marked as by diff. */
export function comparePackages(before: string[], after: string[]): string[] {
  const was = new Set(before)
  const is = new Set(after)
  return [
    ...before.filter((line) => !is.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !was.has(line)).map((line) => `+ ${line}`),
  ]
}
