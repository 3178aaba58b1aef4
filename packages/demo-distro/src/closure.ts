import type { DebianPackage } from './debian-packages.ts'

export interface Dependency {
  name: string
  /** The operator in Debian's notation and the version, if the dependency has them. */
  operator?: string
  version?: string
}

/** Splits `a (>= 1) | b, c` into dependencies, each a list of alternatives: [[a >= 1, b], [c]]. */
export function parseDepends(text: string): Dependency[][] {
  return text
    .split(',')
    .map((part) =>
      part
        .split('|')
        .map(parseDependency)
        .filter((one) => one.name !== ''),
    )
    .filter((alternatives) => alternatives.length > 0)
}

function parseDependency(text: string): Dependency {
  const [, name = '', operator, version] =
    /^\s*([^\s:(]+)(?::\w+)?(?:\s*\(\s*([<>=]+)\s*([^\s)]+)\s*\))?/.exec(text) ?? []
  return operator === undefined || version === undefined ? { name } : { name, operator, version }
}

export interface Ignored {
  everywhere: ReadonlySet<string>
  of: Record<string, string[]>
}

/**
 * Returns the dependencies of a package, except ignored ones. From alternatives, chooses a preferred one, or else one for which `isThere`
 * holds, or else the first.
 */
export function neededBy(
  one: DebianPackage,
  ignored: Ignored,
  isThere: (name: string) => boolean,
  isPreferred: (name: string) => boolean = () => false,
): Dependency[] {
  const ignoredHere = new Set(ignored.of[one.name])
  return parseDepends(one.depends)
    .filter(
      (alternatives) =>
        !alternatives.some(({ name }) => ignored.everywhere.has(name) || ignoredHere.has(name)),
    )
    .map(
      (alternatives) =>
        alternatives.find(({ name }) => isPreferred(name)) ??
        alternatives.find(({ name }) => isThere(name)) ??
        alternatives[0]!,
    )
}

/** Returns the wanted packages and everything they need. `missing` contains the names that no package has or provides. */
export function closureOf(
  wanted: string[],
  available: ReadonlyMap<string, DebianPackage>,
  ignored: Ignored,
): { packages: Map<string, DebianPackage>; missing: Set<string> } {
  const providers = providersOf(available)
  const packages = new Map<string, DebianPackage>()
  const missing = new Set<string>()
  const queue = [...wanted]
  const isThere = (name: string) => available.has(name) || providers.has(name)
  const isPreferred = (name: string) => packages.has(name) || wanted.includes(name)
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (packages.has(name)) continue
    const one = available.get(name)
    if (one !== undefined) {
      packages.set(name, one)
      queue.push(...neededBy(one, ignored, isThere, isPreferred).map((need) => need.name))
      continue
    }
    const candidates = providers.get(name) ?? []
    const provider = candidates.find((candidate) => isPreferred(candidate)) ?? candidates[0]
    if (provider === undefined) missing.add(name)
    else queue.push(provider)
  }
  return { packages, missing }
}

function providersOf(available: ReadonlyMap<string, DebianPackage>): Map<string, string[]> {
  const providers = new Map<string, string[]>()
  for (const one of available.values())
    for (const { name } of parseDepends(one.provides).flat())
      providers.set(name, [...(providers.get(name) ?? []), one.name])
  return providers
}
