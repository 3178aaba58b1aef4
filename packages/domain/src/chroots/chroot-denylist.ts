import { CoprError } from '@copr/process/errors'
import { chrootPattern } from './chroot-pattern.ts'

const MAX_PATTERNS = 50
const PATTERN = /^[a-z0-9_*.+-]+$/

/** Splits a denylist at commas and white space into its patterns. */
function denylistPatterns(denylist: string): string[] {
  return denylist.split(/[,\s]+/).filter((pattern) => pattern !== '')
}

/** Returns the denylist in the form in which it is stored; throws unless each pattern matches an active chroot. */
export function checkedDenylist(denylist: string, active_chroots: readonly string[]): string {
  const patterns = denylistPatterns(denylist)
  if (patterns.length > MAX_PATTERNS)
    throw new CoprError('invalid', `chroot_denylist: has more than ${MAX_PATTERNS} patterns`)
  let left = active_chroots
  for (const pattern of patterns) {
    const shown = pattern.slice(0, 100)
    if (!PATTERN.test(pattern))
      throw new CoprError(
        'invalid',
        `chroot_denylist: Pattern "${shown}" does not match "${PATTERN.source}"`,
      )
    const expression = chrootPattern(pattern, 'chroot_denylist')
    if (!active_chroots.some((name) => expression.test(name)))
      throw new CoprError(
        'invalid',
        `chroot_denylist: no chroot matched by pattern "${shown}": it matches no active chroot`,
      )
    left = left.filter((name) => !expression.test(name))
  }
  if (active_chroots.length > 0 && left.length === 0)
    throw new CoprError(
      'invalid',
      'chroot_denylist: patterns are deny-listing all chroots: leave at least one',
    )
  return patterns.join(', ')
}

/** Returns the chroots that the denylist does not match. If it matches all of them, it is ignored. */
export function notDenied<Chroot extends { name: string }>(
  denylist: string,
  chroots: Chroot[],
): Chroot[] {
  const denied = denylistPatterns(denylist).map((pattern) => chrootPattern(pattern))
  const left = chroots.filter(({ name }) => !denied.some((pattern) => pattern.test(name)))
  return left.length === 0 ? chroots : left
}
