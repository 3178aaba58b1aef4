/**
 * Fields of request bodies in the notation of Copr's clients: numbers as strings, lists as space-separated strings, booleans as strings
 * such as `true`. A null means "not sent"; it is removed before these schemas see it.
 */
import { z } from 'zod'

/** The error for a missing field, with the wording of Copr's forms. */
export const REQUIRED = 'This field is required.'

/** One line; surrounding white space is ignored. */
export const Line = z
  .unknown()
  .transform((value, ctx) => {
    if (typeof value === 'string') return value.trim()
    if (typeof value === 'number') return String(value)
    return fault(ctx, value, 'must be a string')
  })
  .meta({ type: 'string' })

export const Text = z
  .unknown()
  .transform((value, ctx) => {
    return typeof value === 'string' ? value : fault(ctx, value, 'must be a string')
  })
  .meta({ type: 'string' })

/** A boolean, or a number or string that means one: 0, "" and "false" mean false, all others mean true. */
export const Flag = z
  .unknown()
  .transform((value, ctx) => {
    if (typeof value === 'boolean') return value
    if (typeof value === 'number') return value !== 0
    if (typeof value === 'string') return value.trim() !== '' && value.trim() !== 'false'
    return fault(ctx, value, 'must be true or false')
  })
  .meta({ type: 'boolean' })

const Whole = z
  .unknown()
  .transform((value, ctx) => {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value
    const text = typeof value === 'string' ? value.trim() : ''
    if (/^-?\d{1,15}$/.test(text)) return Number(text)
    return fault(ctx, value, 'must be a whole number')
  })
  .meta({ type: 'integer' })

/** An optional whole number; an empty form field counts as not sent. */
export const WholeOrEmpty = z.preprocess(
  (value) => (value === '' ? undefined : value),
  Whole.optional(),
)

/** Far more entries than real lists have. A limit is needed because every entry takes time to check and space to store. */
const MAX_WORDS = 1000
/** The limit for all entries of a list together, including the white space between them. */
const MAX_CHARACTERS = 100_000
/** An error names only this many invalid entries of a list. */
const MAX_NAMED = 10

/** A list, or one string with the items separated by white space. */
export const Words = z
  .unknown()
  .transform((value, ctx) => {
    const items = typeof value === 'string' ? [value] : value
    if (!Array.isArray(items) || !items.every((item) => typeof item === 'string'))
      return fault(ctx, value, 'must be a list of strings')
    // Checked before splitting, which costs more than counting.
    if (items.reduce((sum, item) => sum + item.length, 0) > MAX_CHARACTERS)
      return fault(ctx, value, `has more than ${MAX_CHARACTERS} characters`)
    const words = items.flatMap((item) => item.split(/\s+/).filter((word) => word !== ''))
    if (words.length <= MAX_WORDS) return words
    return fault(ctx, value, `has more than ${MAX_WORDS} entries`)
  })
  .meta({ type: 'array', items: { type: 'string' } })

/** A list whose words must all be valid: `faultOf` returns a message for an invalid one. At most `MAX_NAMED` messages are reported. */
export function wordsWithout(faultOf: (word: string) => string | undefined) {
  return Words.superRefine((words, ctx) => {
    let named = 0
    for (const word of words) {
      const message = faultOf(word)
      if (message !== undefined) ctx.addIssue({ code: 'custom', message })
      if (message !== undefined && ++named === MAX_NAMED) return
    }
  })
}

/** Formats validation errors, one per line, as `FIELD: MESSAGE`, without duplicates. */
export function formFaults(error: z.ZodError): string {
  const lines = error.issues.map((issue) => {
    const { path } = issue
    const message = messageOf(issue)
    return path.length === 0 ? message : `${String(path[0])}: ${message}`
  })
  return [...new Set(lines)].join('\n')
}

/** Returns the message of an error. For an invalid option, uses the wording of Copr's forms, unless the schema has its own message. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_value' || !issue.message.startsWith('Invalid option'))
    return issue.message
  return `Not a valid choice. Must be one of ${issue.values.map(String).join(', ')}`
}

function fault(ctx: z.RefinementCtx, value: unknown, message: string): never {
  ctx.addIssue({ code: 'custom', message: value === undefined ? REQUIRED : message })
  return z.NEVER
}
