import { chmod, chown, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BUILD_UID } from '../sandbox/sandbox.ts'

/** The home directory of the build user, as a build sees it. On the host, it is `builddir` in the directory of the build. */
export const HOME = '/builddir'
/** rpmbuild's directory, as a build sees it. */
export const TOPDIR = `${HOME}/build`

/** Makes the folders that the sandboxes of a build share, in `dir`; returns the path of rpmbuild's directory. */
export async function makeBuildFolders(dir: string): Promise<string> {
  const topdir = join(dir, 'builddir', 'build')
  for (const name of ['BUILD', 'BUILDROOT', 'RPMS', 'SOURCES', 'SPECS', 'SRPMS'])
    await mkdir(join(topdir, name), { recursive: true })
  for (const name of ['tmp', 'var-tmp']) {
    await mkdir(join(dir, name))
    await chmod(join(dir, name), 0o1777)
  }
  return topdir
}

/** Makes the build user the owner of `path` and everything in it. */
export async function giveAway(path: string): Promise<void> {
  await chown(path, BUILD_UID, BUILD_UID)
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true }))
    await chown(join(entry.parentPath, entry.name), BUILD_UID, BUILD_UID)
}
