import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@copr/process/errors'
import { holdLock, takeLock } from '../lock.ts'
import { removeTree } from '../remove-tree.ts'
import { copyTree, isOnOneDisk } from './copy-tree.ts'

/** Directories that are expensive to make, cached by key. Several processes may share a cache folder. */
export interface CacheFolder {
  dir: string
  /** Number of most recently used directories to keep; directories in use are always kept. */
  keep: number
}

export interface CacheUse {
  /** Fills an empty directory. */
  make: (dir: string) => Promise<void>
  /**
   * An existing directory for this build only, in which `make` works. It is on the build's own disk, which limits how much `make` can
   * write.
   */
  work_dir: string
  /** Called with the reason, as a clause, if the directory could not be cached. */
  onUncached: (reason: string) => void
  signal: AbortSignal
  /** Until it is disposed, protects the returned directory from pruning. */
  hold: AsyncDisposableStack
}

/**
 * Returns the directory for `key`. If it does not exist, `make` fills a directory in `work_dir`, which is then moved or copied into the
 * cache. If the cache has no space for it, the directory in `work_dir` is returned, for this build only.
 */
export async function cached(folder: CacheFolder, key: string, use: CacheUse): Promise<string> {
  const { signal, hold } = use
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
    const uncached = await makeAndStore(folder, key, use)
    if (uncached !== undefined) return uncached
    await prune(folder, key)
  }
}

/** Makes the directory and moves or copies it into the cache. If it cannot be cached, returns the path at which it was made. */
async function makeAndStore(
  folder: CacheFolder,
  key: string,
  { make, work_dir, onUncached, signal }: CacheUse,
): Promise<string | undefined> {
  // We hold the lock, so these were left by a process that was killed.
  for (const name of await readdir(folder.dir))
    if (name.startsWith(`${key}.new-`)) await removeTree(join(folder.dir, name))
  const made = join(work_dir, `new-${randomUUID()}`)
  await mkdir(made)
  const before = await statfs(work_dir)
  await make(made)
  const aside = join(folder.dir, `${key}.new-${randomUUID()}`)
  try {
    if (await isOnOneDisk(made, folder.dir)) await rename(made, aside)
    else await copyTree({ from: made, to: aside, before }, signal)
    await rename(aside, join(folder.dir, key))
  } catch (error) {
    await removeTree(aside)
    signal.throwIfAborted()
    onUncached(messageOf(error))
    return made
  }
  await removeTree(made)
  return undefined
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
