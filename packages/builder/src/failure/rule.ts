import type { FailureCategory } from '@copr/contract/failure'

/**
 * How surely a line is the first error of a failed section. The first line of the highest rank is taken:
 *
 * - `decisive`: the cause of everything else, such as memory that ran out
 * - `sure`: the message of a tool about an error that fails it
 * - `likely`: an error message that may be without consequence. Of several groups of such lines, the last one is taken, as the section
 *   ended there
 * - `weak`: tells only that something has failed, such as the last lines of make; grouped in the same way
 */
export const RANKS = ['decisive', 'sure', 'likely', 'weak'] as const
export type Rank = (typeof RANKS)[number]

/** A pattern, and the cause that it stands for. */
export interface Finding {
  pattern: RegExp
  /** Default: that of the section that failed. */
  category?: FailureCategory
  /** Default: that of the category. `$1` stands for what the first group of the pattern has matched. */
  hint?: string
  /** Findings in the next lines, which are more precise than the line itself. */
  below?: Finding[]
  /** Spells what the group has matched as the hint names it. */
  spell?: (matched: string) => string
}

/**
 * A message of a tool. The pattern is tried on lines of at most 800 characters, without escape sequences. It must be linear in their
 * length: anchored, or without repetitions of more than a character class.
 */
export interface Rule extends Finding {
  rank: Rank
  /** Only in these sections; `spec` is while rpm parses the spec, `root` before that. */
  only?: string[]
  /** Not in a log that has lost the beginning of its section either: the words are common elsewhere. */
  strict?: true
  /** The category in a log that does not tell the section. */
  unplaced?: FailureCategory
  /** Introduces the cause: a match of the same rank in the next lines takes its place. */
  heading?: true
}

const group = (rank: Rank, rules: Omit<Rule, 'rank'>[]): Rule[] =>
  rules.map((rule) => ({ rank, ...rule }))

export const decisive = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('decisive', rules)
export const sure = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('sure', rules)
export const likely = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('likely', rules)
export const weak = (...rules: Omit<Rule, 'rank'>[]): Rule[] => group('weak', rules)
