import { readFileSync } from 'node:fs'

export const SUITES = ['api', 'shell', 'behave'] as const
export type Suite = (typeof SUITES)[number]

/** A test of upstream's. */
export interface ListedTest {
  suite: Suite
  name: string
  /** Why it does not count; undefined if it does. */
  reason?: string
}

/** Reads a list of tests in tests.tsv's format. */
export function readList(text: string): ListedTest[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [suite, name, reason] = line.split('\t')
      const known = SUITES.find((each) => each === suite)
      if (!known || name === undefined || name === '')
        throw new Error(
          `Cannot read the list of tests: ${JSON.stringify(line)} is not SUITE, NAME, REASON`,
        )
      return { suite: known, name, ...(reason === undefined ? {} : { reason }) }
    })
}

/** Reads the committed list. */
export function committedList(): ListedTest[] {
  return readList(readFileSync(new URL('tests.tsv', import.meta.url), 'utf8'))
}
