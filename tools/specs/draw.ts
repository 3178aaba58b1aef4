import { createHash } from 'node:crypto'
import { debianSourceOf, familyOf } from './debian-names.ts'
import { literalVersion, sourceTags } from './spec-text.ts'

/** Family → its candidates, in the order in which they are drawn. */
export type Draw = ReadonlyMap<string, string[]>

/**
 * Puts the candidates among the specs into random order; the same seed, specs and versions always give the same order. A spec is a
 * candidate if there is a Debian source package with its name and version, and if it needs no file except the tarball, because collections
 * of specs contain neither patches nor other sources.
 */
export function drawSpecs(
  specs: ReadonlyMap<string, string>,
  debian: ReadonlyMap<string, string>,
  seed: string,
): Draw {
  const candidates = new Map<string, { name: string; key: string }[]>()
  for (const [name, text] of specs) {
    const source = debianSourceOf(name, debian)
    if (source === undefined || source.version !== literalVersion(text)) continue
    if (sourceTags(text).length !== 1) continue
    const family = familyOf(name)
    const key = createHash('sha256').update(`${seed}/${name}`).digest('hex')
    candidates.set(family, [...(candidates.get(family) ?? []), { name, key }])
  }
  return new Map(
    [...candidates].map(([family, ones]) => [
      family,
      ones.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ name }) => name),
    ]),
  )
}
