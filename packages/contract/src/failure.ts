/**
 * The cause of a failed build, as structured data: builders report it with the outcome, the API returns it, and the build's page shows it.
 */
import { z } from 'zod'

/**
 * Failure category → the hint that applies unless the builder knows a better one.
 *
 * - `dependency`: a package, library, header, module or program that the build needs is not there
 * - `prep`: the sources are incomplete, cannot be unpacked, or a patch does not apply
 * - `compile`: %build or %conf failed
 * - `test`: %check failed
 * - `install`: %install failed
 * - `files`: %files and the installed files differ, or packages cannot be written
 * - `macros`: the spec cannot be parsed, or calls a macro that is not defined
 * - `resources`: a limit on memory, disk, processes, log or results
 * - `timeout`
 * - `network`: a download failed, or the build expected network access
 * - `verification`: files or packages are not what they should be
 * - `infrastructure`: a fault of the installation or of the chroot's repositories
 */
export const CATEGORY_HINTS = {
  dependency:
    'Add the missing package to BuildRequires, or the repository that provides it to the project.',
  prep: 'Compare Source, Patch and %prep in the spec with the files in the source package.',
  compile:
    'Fix the first error: later ones often follow from it. The log shows the command above it.',
  test: 'Fix the test, or skip it in %check and say why.',
  install: 'Compare the commands in %install with the files that %build leaves.',
  files: 'Make %files list exactly the files that %install puts into the buildroot.',
  macros: 'Fix the spec, or add the BuildRequires whose package defines the macro.',
  resources: 'Make the build use less, or ask the administrator for a higher limit.',
  timeout: 'Raise the timeout of the build, or find the step that hangs at the end of the log.',
  network:
    'Add the files as sources of the package; if the build must download, enable network access in the project.',
  verification: 'Build the package again from intact files.',
  infrastructure: 'Submit the build again later; if it fails again, ask the administrator.',
} as const

export type FailureCategory = keyof typeof CATEGORY_HINTS
const FAILURE_CATEGORIES = Object.keys(CATEGORY_HINTS) as [FailureCategory, ...FailureCategory[]]

const MAX_EXCERPT_LINES = 12
const MAX_EXCERPT_LINE_LENGTH = 300
const MAX_HINT_LENGTH = 500

/** Line breaks, control and format characters (which include those that reverse the direction of text), and lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

const printable = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !UNPRINTABLE.test(text), 'contains control characters')

/**
 * Makes a line of a log safe to show, whatever a build wrote into it: replaces each tab with two spaces and every other control character
 * with `?`, and shortens the line to `max` characters.
 */
export function printableLine(text: string, max = MAX_EXCERPT_LINE_LENGTH): string {
  const shown = text
    .slice(0, max)
    .replaceAll('\t', '  ')
    .replaceAll(new RegExp(UNPRINTABLE, 'gu'), '?')
  const isWhole = text.length <= max && shown.length <= max
  return (isWhole ? shown : `${shown.slice(0, max - 1)}…`).toWellFormed()
}

/** Makes a hint safe to show, and shortens it to the permitted length. */
export function printableHint(text: string): string {
  return printableLine(text, MAX_HINT_LENGTH)
}

const lineNumber = z.number().int().positive().max(Number.MAX_SAFE_INTEGER)

export const FailureDetails = z.object({
  category: z.enum(FAILURE_CATEGORIES),
  /** The section of the spec file that failed, such as `%build`; null if no section was running. */
  section: z
    .string()
    .regex(/^%[a-z_]{1,40}$/)
    .nullable(),
  /** The log that `line` and `excerpt` refer to; null if the failure is in no log. */
  log: z.enum(['builder-live.log', 'import.log']).nullable(),
  /** Number of the line with the first error, counted from 1; if no line has an error, the number of the last line. */
  line: lineNumber.nullable(),
  /** The lines around `line`. */
  excerpt: z
    .object({
      first_line: lineNumber,
      lines: z.array(printable(MAX_EXCERPT_LINE_LENGTH)).max(MAX_EXCERPT_LINES),
    })
    .nullable(),
  /** How to remedy the failure, in one sentence. */
  hint: printable(MAX_HINT_LENGTH),
})
export type FailureDetails = z.infer<typeof FailureDetails>

/** Returns the details of a failure that is in no log. */
export function failureOutsideLogs(
  category: FailureCategory,
  hint: string = CATEGORY_HINTS[category],
): FailureDetails {
  return { category, section: null, log: null, line: null, excerpt: null, hint }
}
