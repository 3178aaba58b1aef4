/** A fault put into the code, to see whether a test notices it. */
export interface Mutation {
  name: string
  file: string
  /** Occurs exactly once in the file. */
  find: string
  replace: string
  /** One sentence. */
  breaks: string
  /** The test files that should notice, the most likely first. */
  tests: readonly string[]
}

/** The source with the fault. Throws when the text to replace is not there, or more than once. */
export function mutated(source: string, { name, file, find, replace }: Mutation): string {
  const count = source.split(find).length - 1
  if (count !== 1)
    throw new Error(
      `Cannot apply the mutation ${name}: its text occurs ${count} times in ${file}; give it the text that stands there now`,
    )
  return source.replace(find, () => replace)
}
