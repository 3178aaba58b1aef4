/** Returns the Version of a spec if it contains no macros; otherwise undefined. */
export function literalVersion(spec: string): string | undefined {
  const version = /^Version[ \t]*:[ \t]*(\S+)/im.exec(spec)?.[1]
  return version?.includes('%') ? undefined : version
}

/** Replaces the Version of a spec. */
export function withVersion(spec: string, version: string): string {
  return spec.replace(/^(Version[ \t]*:[ \t]*)\S.*$/im, `$1${version}`)
}

/** Returns the values of the Source and Patch tags, with macros unexpanded. */
export function sourceTags(spec: string): string[] {
  return Array.from(
    spec.matchAll(/^[ \t]*(?:Source|Patch)\d*[ \t]*:[ \t]*(\S+)/gim),
    ([, value = '']) => value,
  )
}

/** Returns the names of BuildRequires that always apply: those without macros and outside of conditions. */
export function plainBuildRequires(spec: string): string[] {
  const names: string[] = []
  let depth = 0
  for (const line of spec.split('\n')) {
    if (/^[ \t]*%if/.test(line)) depth++
    if (/^[ \t]*%endif\b/.test(line)) depth--
    const value = /^BuildRequires[ \t]*:[ \t]*([^%#]+)$/i.exec(line)?.[1]
    if (depth > 0 || value === undefined || value.startsWith('(')) continue
    const words = value.replaceAll(/[ \t]*[<>=]+[ \t]*[^\s,]+/g, '').split(/[\s,]+/)
    names.push(...words.filter((word) => word !== '' && !word.startsWith('/')))
  }
  return [...new Set(names)]
}

const MAX_DEPTH = 8

/**
 * Guesses the file name of the first Source by replacing macros that the spec itself defines as plain text; undefined if other macros are
 * left. This is only a guess, because only a build may run rpm on a spec.
 */
export function guessSourceName(spec: string): string | undefined {
  const source = /^[ \t]*Source0?[ \t]*:[ \t]*(\S.*?)[ \t]*$/im.exec(spec)?.[1]
  if (source === undefined) return undefined
  const macros = new Map<string, string>()
  const tags = spec.matchAll(/^(Name|Version)[ \t]*:[ \t]*(\S+)/gim)
  for (const [, tag = '', value = ''] of tags) macros.set(tag.toLowerCase(), value)
  const definitions = spec.matchAll(/^[ \t]*%(?:global|define)[ \t]+(\w+)[ \t]+(\S.*?)[ \t]*$/gm)
  for (const [, name = '', value = ''] of definitions) macros.set(name, value)
  const pypi = /^%\{?pypi_source(?:[ \t]+([^}\s]+))?\}?$/.exec(source)
  let text = pypi
    ? `${pypi[1] ?? ['srcname', 'pypi_name', 'name'].map((name) => macros.get(name)).find(Boolean)}-%{version}.tar.gz`
    : source
  for (let depth = 0; depth < MAX_DEPTH && text.includes('%'); depth++)
    text = text.replaceAll(
      /%(?:\{\??(\w+)\}|(\w+))/g,
      (found, braced?: string, plain?: string) => macros.get(braced ?? plain ?? '') ?? found,
    )
  const name = text.split('/').at(-1)
  return name === undefined || !/^[\w.+~-]+$/.test(name) ? undefined : name
}
