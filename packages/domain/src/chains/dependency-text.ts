import type { Requirement } from '@copr/rpm/package-info'
import { isRich, richOperands } from '@copr/rpm/rich-dependency'
import { compareEvr, compareVersions, parseEvr, type Order } from '@copr/rpm/version'

const LIMITS = { count: 500, length: 300, total: 64 * 1024 }

/** Returns the dependencies without duplicates and overlong ones, up to the limits for one build chroot in the database. */
export function boundedDependencies(texts: Iterable<string>): string[] {
  const kept = new Set<string>()
  let total = 0
  for (const text of texts) {
    if (text === '' || text.length > LIMITS.length || text.includes('\0') || kept.has(text))
      continue
    total += text.length
    if (kept.size === LIMITS.count || total > LIMITS.total) break
    kept.add(text)
  }
  return [...kept]
}

/** Parses `name` or `name >= version`; any other text is taken as a name. */
export function parseDependency(text: string): Requirement {
  const [, name, comparison, version] = /^(\S+) (<|<=|=|>=|>) (\S+)$/.exec(text) ?? []
  if (name === undefined || comparison === undefined || version === undefined)
    return { name: text, comparison: '', version: '' }
  return { name, comparison: comparison as Requirement['comparison'], version }
}

/** Returns the operands of a requirement: itself, or those of a rich dependency; none if the rich dependency is malformed. */
export function operandsOf(text: string): Requirement[] {
  if (!isRich({ name: text })) return [parseDependency(text)]
  try {
    return richOperands(text)
  } catch {
    return []
  }
}

/** Whether the version ranges of two dependencies of the same name overlap by rpm's rules, as `b = 2-1` and `b >= 2` do. */
export function overlap(a: Requirement, b: Requirement): boolean {
  if (a.comparison === '' || b.comparison === '') return true
  const order = compareDependencies(a.version, b.version)
  const [less, more] = order < 0 ? [a, b] : [b, a]
  if (order !== 0) return less.comparison.startsWith('>') || more.comparison.startsWith('<')
  return ['<', '=', '>'].some((sign) => a.comparison.includes(sign) && b.comparison.includes(sign))
}

/** Compares two versions; releases are compared only if both have one. Versions that cannot be parsed count as equal. */
function compareDependencies(a: string, b: string): Order {
  try {
    const [left, right] = [parseEvr(a), parseEvr(b)]
    if (left.release !== '' && right.release !== '') return compareEvr(left, right)
    const epochs = Math.sign((left.epoch ?? 0) - (right.epoch ?? 0)) as Order
    return epochs || compareVersions(left.version, right.version)
  } catch {
    return 0
  }
}
