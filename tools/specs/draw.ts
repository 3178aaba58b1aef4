import { createHash } from 'node:crypto'
import { debianSourceOf, familyOf } from './debian-names.ts'
import { literalVersion, sourceTags } from './spec-text.ts'

/** The order in which the candidates of each family are drawn. */
export type Draw = ReadonlyMap<string, string[]>

/**
 * Puts the candidates among specs into random order: the same seed, specs and versions give the same order. A candidate has a Debian
 * source package of its name and its version, and needs no file except the tarball, because collections of specs hold neither patches nor
 * other sources.
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
