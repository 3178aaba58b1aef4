import { readFileSync } from 'node:fs'

export const SUITES = ['api', 'shell', 'behave'] as const
export type Suite = (typeof SUITES)[number]

/** One of upstream's tests. */
export interface ListedTest {
  suite: Suite
  name: string
  /** Why the test does not count; undefined if it does. */
  reason?: string
}

/** Parses a list of tests in the format of tests.tsv. */
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

/** Reads the list of tests in tests.tsv. */
export function committedList(): ListedTest[] {
  return readList(readFileSync(new URL('tests.tsv', import.meta.url), 'utf8'))
}
