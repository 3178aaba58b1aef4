import { chmod, mkdir, mkdtemp, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { holdLock, takeLock } from './lock.ts'
import { unmountBelow } from './disk/mounts.ts'
import { removeTree } from './remove-tree.ts'
import { removeUnusedCgroups } from './sandbox/cgroup.ts'

export interface Scratch extends AsyncDisposable {
  builds_dir: string
  cache_dir: string
}

/**
 * Makes a directory for one builder's builds in `dir`, which several builders may share. Removes the directories of builders that have
 * ended: a killed builder's processes end with it, but its files and the disks of its builds remain.
 */
export async function openScratch(dir: string, cache_dir = join(dir, 'cache')): Promise<Scratch> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await mkdir(cache_dir, { recursive: true })
  // Cached buildroots contain setuid programs that projects have chosen. Other users must not be able to run them.
  await chmod(cache_dir, 0o700)
  await using _starting = await holdLock(join(dir, 'start.lock'))
  await removeUnusedCgroups()
  for (const name of await readdir(dir))
    if (name.startsWith('builds-')) await removeUnlessUsed(join(dir, name))
  const builds_dir = await mkdtemp(join(dir, 'builds-'))
  const lock = await holdLock(join(builds_dir, 'lock'))
  return {
    builds_dir,
    cache_dir,
    async [Symbol.asyncDispose]() {
      await removeTree(builds_dir)
      await lock[Symbol.asyncDispose]()
    },
  }
}

async function removeUnlessUsed(dir: string): Promise<void> {
  await using lock = await takeLock(join(dir, 'lock'), { wait: false })
  if (!lock) return
  await unmountBelow(await realpath(dir))
  await removeTree(dir)
}
