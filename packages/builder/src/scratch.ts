import { mkdir, mkdtemp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { holdLock, takeLock } from './lock.ts'
import { removeTree } from './remove-tree.ts'

export interface Scratch extends AsyncDisposable {
  builds_dir: string
  cache_dir: string
}

/**
 * Makes a place for the builds of one builder in a directory that several may share, and removes the places of those
 * that are gone: a builder's processes and mounts end with it, its files do not when it is killed.
 */
export async function openScratch(dir: string, cache_dir = join(dir, 'cache')): Promise<Scratch> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await mkdir(cache_dir, { recursive: true })
  await using _starting = await holdLock(join(dir, 'start.lock'))
  for (const name of await readdir(dir))
    if (name.startsWith('builds-')) await removeUnlessUsed(join(dir, name))
  await forgetPackages(cache_dir)
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
  if (lock) await removeTree(dir)
}

/** Downloaded packages that no root was made of for a month. */
async function forgetPackages(cacheDir: string): Promise<void> {
  const dir = join(cacheDir, 'dnf')
  await mkdir(dir, { recursive: true })
  await using lock = await takeLock(join(cacheDir, 'dnf.lock'), { wait: false })
  if (lock) await runOrThrow('find', [dir, '-name', '*.rpm', '-atime', '+30', '-delete'])
}
