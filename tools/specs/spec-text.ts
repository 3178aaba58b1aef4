/** Returns the Version of a spec if it is written without macros. */
export function literalVersion(spec: string): string | undefined {
  const version = /^Version[ \t]*:[ \t]*(\S+)/im.exec(spec)?.[1]
  return version?.includes('%') ? undefined : version
}

/** Replaces the Version of a spec. */
export function withVersion(spec: string, version: string): string {
  return spec.replace(/^(Version[ \t]*:[ \t]*)\S.*$/im, `$1${version}`)
}

/** Returns the values of the Source and Patch tags, with their macros. */
export function sourceTags(spec: string): string[] {
  return Array.from(
    spec.matchAll(/^[ \t]*(?:Source|Patch)\d*[ \t]*:[ \t]*(\S+)/gim),
    ([, value = '']) => value,
  )
}
