import { chrootPattern } from '@copr/domain/chroots/chroot-pattern'
import { CoprError } from '@copr/process/errors'

interface ChrootSelection {
  chroots?: string[] | undefined
  exclude_chroots?: string[] | undefined
}

/** The project's chroots that a submission selects by name or shell pattern; null means the default chroots of the package. */
export function selectChroots(
  enabled: string[],
  { chroots = [], exclude_chroots = [] }: ChrootSelection,
): string[] | null {
  if (chroots.length === 0 && exclude_chroots.length === 0) return null
  const included = chroots.length === 0 ? enabled : matching(enabled, 'chroots', chroots)
  const excluded = new Set(matching(enabled, 'exclude_chroots', exclude_chroots))
  const left = included.filter((name) => !excluded.has(name))
  if (left.length === 0)
    throw new CoprError('invalid', 'exclude_chroots: must leave at least one chroot to build in')
  return left
}

function matching(enabled: string[], field: string, patterns: string[]): string[] {
  const matches = patterns.map((pattern) => {
    const expression = chrootPattern(pattern, field)
    return enabled.filter((name) => expression.test(name))
  })
  const unmatched = patterns.filter((_, index) => matches[index]?.length === 0)
  if (unmatched.length > 0)
    throw new CoprError(
      'invalid',
      `${field}: '${unmatched[0]}' is not a valid choice for this field: ${unmatched.join(', ')} matches no chroot of the project, which has ${enabled.join(', ')}`,
    )
  const wanted = new Set(matches.flat())
  return enabled.filter((name) => wanted.has(name))
}
