import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { holdLock, takeLock } from '../lock.ts'
import { removeTree } from '../remove-tree.ts'

/** Directories that are costly to make, kept under their key for whoever needs them next. Several processes may share one. */
export interface CacheFolder {
  dir: string
  /** How many may stay when nobody uses them. */
  keep: number
}

/**
 * The directory of `key`, made aside by `make` and moved into place when it is not there; it stays at least until `hold`
 * is disposed.
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
  // The lock is ours, so whatever is there was left by somebody who was killed.
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

/** Removes what was not used for the longest time, and what was left by the killed. */
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
