import type { Random } from './mutate.ts'

/** A parser of what users send, and how to make inputs that get far into it. */
export interface FuzzTarget {
  name: string
  /** Whole and correct inputs to begin with. */
  seeds: () => Buffer[] | Promise<Buffer[]>
  /** Texts that mean something to the parser. */
  words: readonly string[]
  /** Changes the structure instead of bytes; undefined where the input has none to change. */
  mutate: (input: Buffer, random: Random) => Buffer | undefined
  /** Throws for a finding: whatever is not the parser's own way to refuse. */
  run: (input: Buffer) => Promise<void>
}

/** Lets the parser's own errors pass. */
export async function refusing(
  work: () => Promise<void> | void,
  ...kinds: (new (...args: never[]) => Error)[]
): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!kinds.some((kind) => error instanceof kind)) throw error
  }
}
