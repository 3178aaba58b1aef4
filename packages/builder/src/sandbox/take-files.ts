import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, opendir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { BuildFailure } from '../build-failure.ts'

/** More files than the packages of any spec. */
const MAX_FILES = 10_000
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/**
 * Moves the regular files whose names end with `suffix` from a folder that a build has written to into `target`, which belongs to the agent
 * and is made if it is missing. Returns their new paths, sorted. Throws a BuildFailure if the build has replaced the folder, or has left
 * too many files or a file with an impossible name.
 *
 * The build may have left links, devices, pipes and millions of files. Nothing is opened through a path that the build could have changed,
 * and links are neither followed nor moved. No process of the build may be running.
 */
export async function takeFiles(
  { root, folder }: { root: string; folder: string },
  suffix: string,
  target: string,
): Promise<string[]> {
  await mkdir(target, { recursive: true })
  await using source = await openFolder(root, folder)
  const taken: string[] = []
  for await (const { name } of await opendir(pathOf(source))) {
    if (!name.endsWith(suffix)) continue
    // A name that is not UTF-8 cannot be passed back to the kernel. It counts as a file here, and is refused below.
    const isFile = name.includes('\uFFFD') || (await lstat(pathOf(source, name))).isFile()
    if (!isFile) continue
    if (IMPOSSIBLE.test(name))
      throw new BuildFailure(
        `the build left a file named ${JSON.stringify(name)} in its ${basename(folder)} folder`,
        { category: 'verification' },
      )
    taken.push(name)
    if (taken.length > MAX_FILES)
      throw new BuildFailure(
        `the build left more than ${MAX_FILES} files in its ${basename(folder)} folder`,
        { category: 'verification' },
      )
  }
  for (const name of taken) {
    await rename(pathOf(source, name), join(target, name))
    await own(join(target, name))
  }
  return taken.toSorted().map((name) => join(target, name))
}

/** Matches names that no package can have: options, control characters, bytes that are not UTF-8. */
const IMPOSSIBLE = /^-|[\p{C}\p{Zl}\p{Zp}\uFFFD]/u

/** Opens a folder one component at a time, so that a link in place of any of them is an error. */
async function openFolder(root: string, folder: string): Promise<FileHandle> {
  let current = await open(root, O_RDONLY | O_DIRECTORY)
  for (const name of folder.split('/')) {
    const parent = current
    try {
      current = await open(pathOf(parent, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch (error) {
      throw folderFailure(basename(folder), error)
    } finally {
      await parent.close()
    }
  }
  return current
}

function folderFailure(name: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT')
    return new BuildFailure(`the build removed its ${name} folder`, { category: 'verification' })
  if (code === 'ENOTDIR' || code === 'ELOOP')
    return new BuildFailure(`the build replaced its ${name} folder with a link or a file`, {
      category: 'verification',
    })
  return error
}

/** Returns a path that the kernel resolves from the open directory, no matter what has replaced the directory's own path since. */
function pathOf({ fd }: FileHandle, name = ''): string {
  return join(`/proc/self/fd/${fd}`, name)
}

/** Makes the agent's user the owner of a file, which must be in a directory of the agent. */
async function own(path: string): Promise<void> {
  await using file = await open(path, O_RDONLY | O_NOFOLLOW)
  await file.chown(0, 0)
  await file.chmod(0o600)
}
