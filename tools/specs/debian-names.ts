/** Language prefix of Fedora's package names → Debian's names for a module of that language. */
const LANGUAGES: Record<string, (module: string) => string[]> = {
  perl: (module) => [`lib${module}-perl`],
  python: (module) => [`python-${module}`, module],
  rubygem: (module) => [`ruby-${module}`],
  R: (module) => [`r-cran-${module}`, `r-bioc-${module}`],
  ghc: (module) => [`haskell-${module}`],
  rust: (module) => [`rust-${module}`],
  golang: (module) => [`golang-${module}`],
  ocaml: (module) => [`ocaml-${module}`],
  php: (module) => [`php-${module}`],
}

/** Returns the language to whose modules the spec belongs, judging by the spec's name, or `other`. */
export function familyOf(spec: string): string {
  const prefix = spec.split('-', 1)[0] ?? ''
  return prefix !== spec && prefix in LANGUAGES ? prefix : 'other'
}

/** Returns the names that Debian may have given to the source package of the same upstream project, most likely first. */
function debianNames(spec: string): string[] {
  const family = familyOf(spec)
  const lower = spec.toLowerCase()
  const module = lower.slice(family.length + 1).replaceAll(/[_.]/g, '-')
  return [...new Set([lower, ...(LANGUAGES[family]?.(module) ?? [])])]
}

export interface DebianSource {
  name: string
  /** The upstream version, as a spec would contain it. */
  version: string
}

/** Returns Debian's source package of the same upstream project as a spec, judging by the spec's name; undefined if there is none. */
export function debianSourceOf(
  spec: string,
  versions: ReadonlyMap<string, string>,
): DebianSource | undefined {
  for (const name of debianNames(spec)) {
    const version = versions.get(name)
    if (version !== undefined) return { name, version: upstreamVersion(version) }
  }
  return undefined
}

/** Removes the epoch, the Debian revision, and the suffix that marks a tarball that Debian has repacked. */
export function upstreamVersion(debian: string): string {
  return debian
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/[+~.](dfsg|ds|repack|debian)[.\d+]*$/, '')
}
