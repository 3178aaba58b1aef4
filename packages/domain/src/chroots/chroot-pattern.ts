import { CoprError } from '@copr/process/errors'

/** A shell pattern (`*`, `?`, `[...]`) as a regular expression that cannot run away. */
export function chrootPattern(pattern: string, field = 'chroots'): RegExp {
  if (pattern.length > 200 || (pattern.match(/\*/g) ?? []).length > 8)
    throw new CoprError('invalid', `${field}: a pattern is too long`)
  const parts = pattern.match(/\[!?[A-Za-z0-9_.-]+\]|[^]/g) ?? []
  const translated = parts.map((part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part.length > 1)
      return part.replace('[!', '[^').replaceAll(/(?<=.)-(?=\])/g, String.raw`\-`)
    return part.replaceAll(/[\\^$.|+()[\]{}]/g, String.raw`\$&`)
  })
  try {
    return new RegExp(`^${translated.join('')}$`)
  } catch {
    throw new CoprError('invalid', `${field}: ${pattern} is not a pattern`)
  }
}
