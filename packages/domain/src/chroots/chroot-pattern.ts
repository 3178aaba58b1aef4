import { CoprError } from '@copr/process/errors'

/** An element of a shell pattern: `*`, or a matcher for one character (any character, one in a set, or one not in a set). */
type Element = '*' | { matches: (character: string) => boolean }

export interface ChrootPattern {
  /** Takes at most (pattern length × text length) steps. */
  test(text: string): boolean
}

/**
 * Compiles a shell pattern (`*`, `?`, `[...]`). It is not converted to a regular expression, which with eight stars would take (text
 * length)⁸ steps.
 */
export function chrootPattern(pattern: string, field = 'chroots'): ChrootPattern {
  if (pattern.length > 200 || (pattern.match(/\*/g) ?? []).length > 8)
    throw new CoprError('invalid', `${field}: a pattern is too long`)
  const parts = pattern.match(/\[!?[A-Za-z0-9_.-]+\]|[^]/g) ?? []
  let elements: Element[]
  try {
    elements = parts.map(elementOf)
  } catch {
    throw new CoprError('invalid', `${field}: ${pattern} is not a pattern`)
  }
  return { test: (text) => isMatch(elements, text) }
}

/** Parses one element of a pattern; throws for a reversed range such as `[z-a]`. */
function elementOf(part: string): Element {
  if (part === '*') return '*'
  if (part === '?') return { matches: () => true }
  if (part.length === 1) return { matches: (character) => character === part }
  const set = part.replace('[!', '[^').replaceAll(/(?<=.)-(?=\])/g, String.raw`\-`)
  const expression = new RegExp(`^${set}$`)
  return { matches: (character) => expression.test(character) }
}

/** Backtracks only to the last star, which is enough because the stars before it have matched as early as possible. */
function isMatch(elements: Element[], text: string): boolean {
  let at = 0
  let next = 0
  let retry: { at: number; next: number } | undefined
  while (at < text.length) {
    const element = elements[next]
    if (element === '*') {
      retry = { at, next: ++next }
      continue
    }
    if (element?.matches(text[at] ?? '')) {
      at++
      next++
      continue
    }
    if (!retry) return false
    retry.at++
    ;({ at, next } = retry)
  }
  return elements.slice(next).every((element) => element === '*')
}
