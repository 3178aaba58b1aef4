/** Returns the names in an undecoded URL path; undefined unless each is a plain name that is not hidden. */
export function namesIn(url_path: string): string[] | undefined {
  const names: string[] = []
  for (const part of url_path.split('/')) {
    if (part === '') continue
    const name = decoded(part)
    if (name === undefined || name.startsWith('.') || /[/\\\0]/.test(name)) return undefined
    names.push(name)
  }
  return names
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
