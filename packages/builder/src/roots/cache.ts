import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { holdLock, takeLock } from '../lock.ts'
import { removeTree } from '../remove-tree.ts'

/** Directories that are expensive to make, cached by key. Several processes may share a cache folder. */
export interface CacheFolder {
  dir: string
  /** Number of most recently used directories to keep; directories in use are kept anyway. */
  keep: number
}

/**
 * Returns the directory for `key`. If it does not exist, `make` fills a temporary directory, which is then renamed into place. The
 * directory is kept at least until `hold` is disposed.
 */
export async function cached(
  folder: CacheFolder,
  key: string,
  {
    make,
    signal,
    hold,
  }: { make: (dir: string) => Promise<void>; signal: AbortSignal; hold: AsyncDisposableStack },
): Promise<string> {
  const dir = join(folder.dir, key)
  const lockFile = join(folder.dir, `${key}.lock`)
  await mkdir(folder.dir, { recursive: true })
  for (;;) {
    const held = await holdLock(lockFile, { shared: true, signal })
    if (await exists(dir)) {
      hold.use(held)
      const now = new Date()
      await utimes(dir, now, now)
      await utimes(folder.dir, now, now)
      return dir
    }
    await held[Symbol.asyncDispose]()
    await using _lock = await holdLock(lockFile, { signal })
    if (await exists(dir)) continue
    await makeAside(folder, key, make)
    await prune(folder, key)
  }
}

async function makeAside(
  folder: CacheFolder,
  key: string,
  make: (dir: string) => Promise<void>,
): Promise<void> {
  // We hold the lock, so these were left by a process that was killed.
  for (const name of await readdir(folder.dir))
    if (name.startsWith(`${key}.new-`)) await removeTree(join(folder.dir, name))
  const aside = join(folder.dir, `${key}.new-${randomUUID()}`)
  await mkdir(aside)
  try {
    await make(aside)
    await rename(aside, join(folder.dir, key))
  } catch (error) {
    await removeTree(aside)
    throw error
  }
}

/** Removes the least recently used directories, and temporary directories left by killed processes. */
async function prune(folder: CacheFolder, current: string): Promise<void> {
  const names = await readdir(folder.dir)
  const keys = names.filter((name) => /^[0-9a-f]+$/.test(name) && name !== current)
  const used = await Promise.all(
    keys.map(async (key) => ({
      key,
      at: (await stat(join(folder.dir, key)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  )
  const old = used.toSorted((a, b) => b.at - a.at).slice(folder.keep - 1)
  const orphans = names
    .flatMap((name) => /^([0-9a-f]+)\.new-/.exec(name)?.[1] ?? [])
    .filter((key) => key !== current)
  for (const key of new Set([...old.map((one) => one.key), ...orphans]))
    await removeUnused(folder, key, names)
}

async function removeUnused(folder: CacheFolder, key: string, names: string[]): Promise<void> {
  const lockFile = join(folder.dir, `${key}.lock`)
  await using lock = await takeLock(lockFile, { wait: false })
  if (!lock) return
  const isOrphan = !names.includes(key)
  for (const name of names)
    if (name.startsWith(`${key}.new-`)) await removeTree(join(folder.dir, name))
  if (isOrphan) return
  await removeTree(join(folder.dir, key))
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
