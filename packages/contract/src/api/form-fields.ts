/**
 * Fields of request bodies as Copr's clients write them: numbers as strings, lists as strings with spaces, booleans as words.
 * A null is taken out before these see it: it means "not sent".
 */
import { z } from 'zod'

/** One line: spaces around it do not count. */
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

/** A boolean, also as a number or string. Of the strings, only "false" and the empty one are false. */
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

/** As `Whole`, where an empty field of a form means none. */
export const WholeOrEmpty = z.preprocess(
  (value) => (value === '' ? undefined : value),
  Whole.optional(),
)

/** Nobody writes more: each costs time to check and space to keep. */
const MAX_WORDS = 1000
/** The limit for all entries together. */
const MAX_CHARACTERS = 100_000
/** An error names only the first faults of one kind: they say enough. */
const MAX_NAMED = 10

/** A list, or one string with the items separated by white space. */
export const Words = z
  .unknown()
  .transform((value, ctx) => {
    const items = typeof value === 'string' ? [value] : value
    if (!Array.isArray(items) || !items.every((item) => typeof item === 'string'))
      return fault(ctx, value, 'must be a list of strings')
    // Splitting costs more than counting.
    if (items.reduce((sum, item) => sum + item.length, 0) > MAX_CHARACTERS)
      return fault(ctx, value, `has more than ${MAX_CHARACTERS} characters`)
    const words = items.flatMap((item) => item.split(/\s+/).filter((word) => word !== ''))
    if (words.length <= MAX_WORDS) return words
    return fault(ctx, value, `has more than ${MAX_WORDS} entries`)
  })
  .meta({ type: 'array', items: { type: 'string' } })

/** A list that names the first of its words which are wrong, as `faultOf` says of each. */
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

/** Lists the faults of a form without duplicates, one per line, as `FIELD: MESSAGE`. */
export function formFaults(error: z.ZodError): string {
  const lines = error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${String(path[0])}: ${message}`,
  )
  return [...new Set(lines)].join('\n')
}

function fault(ctx: z.RefinementCtx, value: unknown, message: string): never {
  ctx.addIssue({ code: 'custom', message: value === undefined ? 'is required' : message })
  return z.NEVER
}
