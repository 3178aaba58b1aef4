import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'

/** What a URL below the tree leads to. */
export type Found =
  | { kind: 'file'; name: string; file: FileHandle; stats: Stats }
  | { kind: 'dir'; path: string }
  | { kind: 'packed' }
  | undefined

/** The names in an undecoded URL path; undefined unless each is plain. Hidden names are nobody's business. */
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

/** Opens what the names lead to. Links count as long as they stay below the root. */
export async function findFile(root: string, names: string[]): Promise<Found> {
  const path = join(root, ...names)
  // Once more if it vanishes between the two looks: the link of an index was just turned.
  return (
    (await openBelow(root, path)) ??
    (await openBelow(root, path)) ??
    (path.endsWith('.log') && (await openBelow(root, `${path}.gz`, true))
      ? { kind: 'packed' }
      : undefined)
  )
}

async function openBelow(root: string, path: string, onlyLook = false): Promise<Found> {
  try {
    const real = await realpath(path)
    const base = await realpath(root)
    if (real !== base && !real.startsWith(base + sep)) return undefined
    if ((await stat(real)).isDirectory()) return { kind: 'dir', path: real }
    if (onlyLook) return { kind: 'packed' }
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stats = await file.stat()
    if (stats.isFile())
      return { kind: 'file', name: path.slice(path.lastIndexOf(sep) + 1), file, stats }
    await file.close()
    return undefined
  } catch (error) {
    if (isUnreachable(error)) return undefined
    throw error
  }
}

function isUnreachable(error: unknown): boolean {
  const codes = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'ENXIO']
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
