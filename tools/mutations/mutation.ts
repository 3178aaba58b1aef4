/** A fault that is inserted into the code to see whether a test catches it. */
export interface Mutation {
  name: string
  file: string
  /** The text to replace, which occurs exactly once in the file. */
  find: string
  replace: string
  /** A sentence that states the effect of the fault. */
  breaks: string
  /** The test files that should catch the fault, most likely first. */
  tests: readonly string[]
}

/** Returns the source with the fault inserted. Throws unless the text to replace occurs exactly once. */
export function mutated(source: string, { name, file, find, replace }: Mutation): string {
  const count = source.split(find).length - 1
  if (count !== 1)
    throw new Error(
      `Cannot apply the mutation ${name}: the text to replace occurs ${count} times in ${file}, but must occur exactly once; update it to match the current code`,
    )
  return source.replace(find, () => replace)
}
