import type { FailureCategory } from '@copr/contract/failure'

/**
 * How certain it is that a line is the first error of a failed section. The first line of the highest rank is chosen:
 *
 * - `decisive`: the cause of everything else, such as exhausted memory
 * - `sure`: a message of a tool about an error that makes it fail
 * - `likely`: an error message that may have no consequences. Of several groups of such lines, the last one is chosen, because the section
 *   ended there
 * - `weak`: says only that something has failed, such as the last lines of make; grouped in the same way
 */
export const RANKS = ['decisive', 'sure', 'likely', 'weak'] as const
export type Rank = (typeof RANKS)[number]

/** A pattern, and the cause that a match indicates. */
export interface Finding {
  pattern: RegExp
  /** Default: the category of the section that failed. */
  category?: FailureCategory
  /** Default: the hint for the category. `$1` is replaced by what the first group of the pattern has matched. */
  hint?: string
  /** Findings for which the next lines are searched, because they are more precise than the line itself. */
  below?: Finding[]
  /** Converts what the group has matched to the form that the hint uses. */
  spell?: (matched: string) => string
}

/**
 * A message of a tool. The pattern is applied to lines of at most 800 characters, without escape sequences. It must take time linear in
 * their length: it is anchored, or repeats nothing larger than a character class.
 */
export interface Rule extends Finding {
  rank: Rank
  /** The only sections in which the rule applies; `spec` means while rpm parses the spec, and `root` means before that. */
  only?: string[]
  /** `only` also applies to a log that has lost the beginning of its section, because such messages are common elsewhere. */
  strict?: true
  /** The category if the log does not show the section. */
  unplaced?: FailureCategory
  /** The line only introduces the cause: a match of the same rank in the next lines replaces it. */
  heading?: true
}

const group = (rank: Rank, rules: Omit<Rule, 'rank'>[]): Rule[] =>
  rules.map((rule) => ({ rank, ...rule }))

export const decisive = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('decisive', rules)
export const sure = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('sure', rules)
export const likely = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('likely', rules)
export const weak = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('weak', rules)
