/** A version in the compact index of RubyGems. */
export interface GemVersion {
  version: string
  /** Hexadecimal digest of the gem; undefined if the index has none. */
  sha256: string | undefined
}

/**
 * A version, a hyphen and the platform (absent for pure Ruby), the dependencies, and after `|` the requirements, which include the
 * checksum.
 */
const LINE = /^(\d[0-9A-Za-z.]*)(-[^\s|]*)? ?([^|]*)\|(.*)$/

/** Parses the response to `/info/NAME`; returns the pure-Ruby versions and omits those compiled for a platform. */
export function parseGemVersions(text: string): GemVersion[] {
  return text.split('\n').flatMap((line) => {
    const [, version, platform, , requirements = ''] = LINE.exec(line) ?? []
    if (version === undefined || platform !== undefined) return []
    const sha256 = /(?:^|,)checksum:([0-9a-f]{64})(?:,|$)/.exec(requirements)?.[1]
    return [{ version, sha256 }]
  })
}

/** Returns the newest version; a prerelease only if there is no other version, and undefined if there is none at all. */
export function newestGem(versions: GemVersion[]): GemVersion | undefined {
  const sorted = versions.toSorted((a, b) => compareGemVersions(b.version, a.version))
  return sorted.find(({ version }) => !/[A-Za-z]/.test(version)) ?? sorted[0]
}

/**
 * Compares versions as RubyGems does, segment by segment: numbers by value, letters alphabetically, and letters as older than any number,
 * including a missing one.
 */
export function compareGemVersions(a: string, b: string): number {
  const [left, right] = [segmentsOf(a), segmentsOf(b)]
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [one = 0n, other = 0n] = [left[index], right[index]]
    if (one === other) continue
    if (typeof one !== typeof other) return typeof one === 'string' ? -1 : 1
    return one < other ? -1 : 1
  }
  return 0
}

function segmentsOf(version: string): (bigint | string)[] {
  return (version.match(/\d+|[A-Za-z]+/g) ?? []).map((part) =>
    /\d/.test(part) ? BigInt(part) : part,
  )
}
