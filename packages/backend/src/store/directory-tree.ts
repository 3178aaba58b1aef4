import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { Readable } from 'node:stream'
import { isMissing } from './files.ts'
import type { Entry, Found, ResultsTree, StoredFile } from './results-store.ts'

/** Returns the public tree in a folder. Symbolic links are followed as long as they stay inside the folder. */
export function directoryTree(root: string): ResultsTree {
  return {
    async find(names) {
      const path = join(root, ...names)
      // Retries once if the path vanishes between two system calls, because the link to an index may have been switched in the meantime.
      return (
        (await openBelow(root, path)) ??
        (await openBelow(root, path)) ??
        (path.endsWith('.log') && (await openBelow(root, `${path}.gz`, true))
          ? { kind: 'packed' }
          : undefined)
      )
    },
    async list(names) {
      const dir = join(root, ...names)
      const shown = (await namesOf(dir)).filter((name) => !name.startsWith('.'))
      const found = await Promise.all(shown.map((name) => entryOf(dir, name)))
      return found.flatMap((entry) => entry ?? [])
    },
  }
}

async function openBelow(root: string, path: string, onlyLook = false): Promise<Found> {
  try {
    const real = await realpath(path)
    const base = await realpath(root)
    if (real !== base && !real.startsWith(base + sep)) return undefined
    if ((await stat(real)).isDirectory()) return { kind: 'dir' }
    if (onlyLook) return { kind: 'packed' }
    const file = await openFile(real, basename(path))
    return file && { kind: 'file', file }
  } catch (error) {
    if (isUnreachable(error)) return undefined
    throw error
  }
}

/** Opens a file; returns undefined unless it is a plain file. */
export async function openFile(
  path: string,
  name = basename(path),
): Promise<StoredFile | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const stats = await handle.stat()
  if (stats.isFile()) return storedFile(handle, name, stats)
  await handle.close()
  return undefined
}

function storedFile(handle: FileHandle, name: string, stats: Stats): StoredFile {
  const { size, mtime } = stats
  return {
    name,
    size,
    mtime,
    etag: etagOf(stats),
    async read({ start, end } = { start: 0, end: size - 1 }) {
      if (end < start) {
        await handle.close()
        return Readable.toWeb(Readable.from([])) as ReadableStream<Uint8Array>
      }
      const stream = handle.createReadStream({ start, end, highWaterMark: 256 * 1024 })
      return Readable.toWeb(stream) as ReadableStream<Uint8Array>
    },
    close: () => handle.close(),
  }
}

function etagOf({ ino, size, mtimeMs }: Stats): string {
  return `"${ino.toString(16)}-${size.toString(16)}-${Math.floor(mtimeMs * 1000).toString(16)}"`
}

async function namesOf(dir: string): Promise<string[]> {
  try {
    return await readdir(dir)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function entryOf(dir: string, name: string): Promise<Entry | undefined> {
  const path = join(dir, name)
  try {
    // The only links that this store makes are those to a repository's index, which is in the same folder as the link.
    if ((await lstat(path)).isSymbolicLink() && (await readlink(path)).includes('/'))
      return undefined
    const stats = await stat(path)
    return { name, isDir: stats.isDirectory(), size: stats.size, mtime: stats.mtime }
  } catch (error) {
    // The entry may have been removed in the meantime.
    if (isMissing(error)) return undefined
    throw error
  }
}

function isUnreachable(error: unknown): boolean {
  const codes = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'ENXIO']
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
