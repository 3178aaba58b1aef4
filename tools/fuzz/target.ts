import type { Random } from './mutate.ts'

/** A parser of data that users send, and functions to create inputs that get far into it. */
export interface FuzzTarget {
  name: string
  /** Returns complete and valid initial inputs. */
  seeds: () => Buffer[] | Promise<Buffer[]>
  /** Strings that have a meaning for the parser. */
  words: readonly string[]
  /** Changes the structure instead of bytes; returns undefined if the input has no structure to change. */
  mutate: (input: Buffer, random: Random) => Buffer | undefined
  /** Runs the parser; throws for a finding, which is any error other than the parser's own. */
  run: (input: Buffer) => Promise<void>
}

/** Runs `work`, and ignores the parser's own errors. */
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
