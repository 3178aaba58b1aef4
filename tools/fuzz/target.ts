import type { Random } from './mutate.ts'

/** A parser of user-supplied data, and functions that create inputs which get far into the parser. */
export interface FuzzTarget {
  name: string
  /** Returns complete and valid initial inputs. */
  seeds: () => Buffer[] | Promise<Buffer[]>
  /** Strings that have a meaning for the parser. */
  words: readonly string[]
  /** Changes the structure of an input instead of its bytes; returns undefined if the input has no structure that can be changed. */
  mutate: (input: Buffer, random: Random) => Buffer | undefined
  /** Runs the parser. Throws if there is a finding, which is any error other than those with which the parser rejects input. */
  run: (input: Buffer) => Promise<void>
}

/** Runs `work`, and ignores the errors with which the parser rejects input. */
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
