import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { makeDistro } from '../../packages/demo-distro/src/make-distro.ts'
import { CACHE_DIR } from '../../packages/testkit/src/system/start-system.ts'
import { cloneCheckout } from '../fresh/checkout.ts'

/** The path of the checkout in the machine. */
export const CHECKOUT = '/srv/copr'
/** The shell command that mounts the disk and puts its contents where tests expect them. */
export const MOUNT_TEST_DISK = `mount /dev/vdb /srv && mkdir -p ${CACHE_DIR}/distro && mount --bind /srv/distro ${CACHE_DIR}/distro`
const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
const SIZE = '8G'

interface TestDiskOptions {
  dir: string
  workingTree: boolean
  signal: AbortSignal
}

/**
 * Makes a disk with a clone of this checkout, its dependencies, and the mini distribution: on an emulated processor, it would take an hour
 * to make the distribution.
 */
export async function makeTestDisk({
  dir,
  workingTree,
  signal,
}: TestDiskOptions): Promise<{ file: string } & AsyncDisposable> {
  const tree = join(dir, 'disk')
  const file = join(dir, 'disk.raw')
  const dispose = async (): Promise<void> => {
    await rm(tree, { recursive: true, force: true })
    await rm(file, { force: true })
  }
  try {
    await mkdir(tree)
    await cloneCheckout(join(tree, 'copr'), workingTree)
    const copy = ['--archive', '--reflink=auto']
    await runOrThrow('cp', [...copy, NODE_MODULES, join(tree, 'copr')], { signal })
    await makeDistro({ dir: join(CACHE_DIR, 'distro'), signal })
    await mkdir(join(tree, 'distro'))
    await copyDistro(join(CACHE_DIR, 'distro'), join(tree, 'distro'))
    await runOrThrow('mke2fs', ['-q', '-t', 'ext4', '-d', tree, file, SIZE], { signal })
    await rm(tree, { recursive: true })
  } catch (error) {
    await dispose()
    throw error
  }
  return { file, [Symbol.asyncDispose]: dispose }
}

/**
 * Copies the repository, but without the list of this host's packages: the machine has different packages, so the list would make it
 * rebuild the repository.
 */
async function copyDistro(from: string, to: string): Promise<void> {
  await cp(join(from, 'repo/'), join(to, 'repo'), { recursive: true, dereference: true })
  const manifest = join(to, 'repo/manifest.json')
  const parsed = JSON.parse(await readFile(manifest, 'utf8')) as Record<string, unknown>
  await writeFile(manifest, JSON.stringify({ ...parsed, installed: {} }))
}
