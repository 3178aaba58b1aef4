import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A cache on the local disk, for files that programs need to read from a disk. Files are kept as long as there is enough space. */
export interface Scratch {
  dir: string
  max_bytes: number
  /** Calls `use` with the path of a file, which `fetch` downloads if it is not cached. Waits until there is enough space. */
  withFile<T>(file: ScratchFile, use: (path: string, rename: Rename) => Promise<T>): Promise<T>
  /** Returns the path of a file if it is cached. Use the file at once, because it may be evicted. */
  find(id: string): string | undefined
  /** Reserves space for something else, until disposed. Waits until there is enough space. */
  room(bytes: number): Promise<Disposable>
}

interface ScratchFile {
  /** Identifies the content: the same ID means the same bytes. */
  id: string
  size: number
  fetch: (path: string) => Promise<void>
}

/** Gives a file that has been changed its new ID; undefined means that no later caller may use the file. */
type Rename = (id: string | undefined) => void

interface Kept {
  /** Undefined means that no later caller may use the file. */
  id: string | undefined
  path: string
  size: number
  users: number
}

/** Takes over a folder, which only this process may use, and removes the files that an earlier process left in it. */
export function scratchIn(dir: string, max_bytes: number): Scratch {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  /** The files in order of their last use. */
  const kept = new Map<string, Kept>()
  const fetching = new Map<string, Promise<unknown>>()
  const waiting: { bytes: number; begin: () => void }[] = []
  /** Bytes in use or reserved. */
  let used = 0

  const hasCapacity = (bytes: number): boolean =>
    // A file that is larger than the whole space is admitted if nothing else is in use.
    used + bytes <= max_bytes || used === 0

  async function take(bytes: number, id?: string): Promise<void> {
    // First in, first out; otherwise, large files would starve.
    if (waiting.length > 0 || !hasCapacity(bytes))
      await new Promise<void>((begin) => waiting.push({ bytes, begin }))
    else used += bytes
    await evict(id)
  }

  function give(bytes: number): void {
    used -= bytes
    for (let next = waiting[0]; next && hasCapacity(next.bytes); next = waiting[0]) {
      waiting.shift()
      used += next.bytes
      next.begin()
    }
  }

  /** Frees space by removing files that are not in use, except `wanted`. The least recently used files are removed first. */
  async function evict(wanted?: string): Promise<void> {
    const idle = [...kept].filter(([id, { users }]) => users === 0 && id !== wanted)
    let bytes = idle.reduce((sum, [, { size }]) => sum + size, 0)
    for (const [id, { path, size }] of idle) {
      if (used + bytes <= max_bytes) return
      if (kept.get(id)?.users !== 0) continue
      kept.delete(id)
      bytes -= size
      await rm(path, { force: true })
    }
  }

  async function opened({ id, size, fetch }: ScratchFile): Promise<Kept> {
    // If several callers want the same file at the same time, it is fetched only once.
    while (fetching.has(id)) await fetching.get(id)?.catch(() => undefined)
    const found = kept.get(id)
    if (found) {
      found.users++
      return found
    }
    const path = join(dir, randomUUID())
    const fetched = fetch(path)
    fetching.set(id, fetched)
    try {
      await fetched
    } catch (error) {
      await rm(path, { force: true })
      throw error
    } finally {
      fetching.delete(id)
    }
    const file = { id, path, size, users: 1 }
    kept.set(id, file)
    return file
  }

  return {
    dir,
    max_bytes,
    async withFile(wanted, use) {
      const { size } = wanted
      await take(size, wanted.id)
      try {
        const file = await opened(wanted)
        try {
          return await use(file.path, (next) => {
            forget(file)
            file.id = next
          })
        } finally {
          await leave(file)
        }
      } finally {
        give(size)
      }
    },
    find: (id) => kept.get(id)?.path,
    async room(bytes) {
      await take(bytes)
      return { [Symbol.dispose]: () => give(bytes) }
    },
  }

  function forget(file: Kept): void {
    if (file.id !== undefined && kept.get(file.id) === file) kept.delete(file.id)
  }

  async function leave(file: Kept): Promise<void> {
    try {
      // The file still counts as in use here, so it cannot be evicted.
      file.size = (await stat(file.path)).size
    } catch (error) {
      forget(file)
      file.id = undefined
      throw error
    } finally {
      file.users--
    }
    forget(file)
    // The most recently used file is the last in the map.
    if (file.id !== undefined && !kept.has(file.id)) kept.set(file.id, file)
    else if (file.users === 0) await rm(file.path, { force: true })
  }
}
