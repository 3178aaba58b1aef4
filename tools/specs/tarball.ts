import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@copr/process/errors'
import { runOrThrow } from '@copr/process/run'
import { downloadDebianSource } from '@copr/testkit/samples/debian-source'

/** Folder for sources, the mini distribution and the builder's cache; kept between runs. */
export const SPECS_CACHE = '/var/tmp/copr-specs'

/** Downloads run one at a time, because apt rewrites its caches. */
let downloads: Promise<unknown> = Promise.resolve()

/** Downloads Debian's original tarball into `dir`. Returns undefined if there is none or the mirror does not have it. */
export async function fetchTarball(
  name: string,
  dir: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const target = join(dir, 'tarball')
  await mkdir(target, { recursive: true })
  const download = downloads.then(() =>
    downloadDebianSource(name, target, SPECS_CACHE, { areListsFresh: true, signal }),
  )
  downloads = download.catch(() => undefined)
  await download.catch((error: unknown) => {
    // A native Debian package has no original tarball.
    if (!messageOf(error).startsWith('Cannot download the source')) throw error
  })
  const [file] = await readdir(target)
  return file && join(target, file)
}

/** Returns a tarball with the same contents in a top-level folder of another name, because upstream's own release may use that name. */
export async function withTopFolder(file: string, folder: string, dir: string): Promise<Buffer> {
  const work = await mkdtemp(join(dir, 'repack-'))
  try {
    await mkdir(join(work, 'from'))
    await runOrThrow('tar', ['-xf', file, '--no-same-owner', '-C', join(work, 'from')])
    const top = await readdir(join(work, 'from'))
    const [only = ''] = top
    const to = join(work, 'to')
    if (top.length === 1) {
      await mkdir(to)
      await rename(join(work, 'from', only), join(to, folder))
    } else {
      await mkdir(to)
      await rename(join(work, 'from'), join(to, folder))
    }
    await runOrThrow('tar', ['-cf', join(work, 'new.tar'), '-C', to, folder])
    await runOrThrow('gzip', ['-1', '-n', join(work, 'new.tar')])
    return await readFile(join(work, 'new.tar.gz'))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
