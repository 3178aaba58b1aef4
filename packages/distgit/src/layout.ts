import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname as parentOf, join } from 'node:path'
import { OwnerName, PackageName, ProjectDirname } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'

/** A package in a project dir; it has its own repository, and its own folder in the lookaside cache. */
export interface PackageLocation {
  owner: string
  dirname: string
  package_name: string
}

export function gitRoot(root: string): string {
  return join(root, 'git')
}

export function repositoryPath(
  root: string,
  { owner, dirname, package_name }: PackageLocation,
): string {
  return join(gitRoot(root), owner, dirname, `${package_name}.git`)
}

export function lookasidePath(
  root: string,
  { owner, dirname, package_name }: PackageLocation,
  filename: string,
  md5: string,
): string {
  return join(root, 'lookaside', owner, dirname, package_name, filename, md5, filename)
}

/** Whether the three names are valid, so that they may be used in a path. */
export function isPackageLocation({ owner, dirname, package_name }: PackageLocation): boolean {
  return (
    OwnerName.safeParse(owner).success &&
    ProjectDirname.safeParse(dirname).success &&
    PackageName.safeParse(package_name).success
  )
}

export interface TempDir extends AsyncDisposable {
  readonly path: string
}

/** Distinguishes this process from an earlier one with the same PID; in a container, the first process always has PID 1. */
const STARTED = String(Math.floor(performance.timeOrigin))

/** Makes a temporary folder on the same file system as the repositories, so that files can be renamed out of it. */
export async function makeTempDir(root: string): Promise<TempDir> {
  const parent = tempRoot(root)
  await mkdir(parent, { recursive: true })
  const path = await mkdtemp(join(parent, `${hostname()}+${process.pid}+${STARTED}+`))
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true })
    },
  }
}

/** Folders of other machines are not removed until they reach this age, because this machine cannot know whether they are in use. */
const FOREIGN_AGE_MS = 24 * 3600 * 1000

/** Removes the temporary folders that killed processes left behind. */
export async function sweepTemp(root: string, now: Date): Promise<void> {
  const parent = tempRoot(root)
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent)) {
    const [host, pid, started] = name.split('+')
    const path = join(parent, name)
    const isDead =
      host !== hostname()
        ? await isOlder(path, now.getTime() - FOREIGN_AGE_MS)
        : Number(pid) === process.pid
          ? started !== STARTED
          : !isAlive(Number(pid))
    if (isDead) await rm(path, { recursive: true, force: true })
  }
}

/** Deletes the repositories and source files of a project dir, or of one of its packages, immediately and permanently. */
export async function deleteRepositories(
  root: string,
  {
    owner,
    dirname,
    package_name,
  }: Omit<PackageLocation, 'package_name'> & { package_name?: string },
): Promise<void> {
  if (!isPackageLocation({ owner, dirname, package_name: package_name ?? 'any' }))
    throw new CoprError(
      'invalid',
      `Cannot delete repositories of ${owner}/${dirname}: the name is not valid`,
    )
  const names = {
    git: package_name === undefined ? [] : [`${package_name}.git`],
    lookaside: package_name === undefined ? [] : [package_name],
  }
  await using temp = await makeTempDir(root)
  for (const kind of ['git', 'lookaside'] as const) {
    try {
      await rename(join(root, kind, owner, dirname, ...names[kind]), join(temp.path, kind))
    } catch (err) {
      if (!hasCode(err, 'ENOENT')) throw err
    }
  }
}

/** Syncs a folder, so that names that were just added to it survive a power failure. */
export async function syncDir(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}

/** Makes a folder and its parents, all of which survive a power failure. */
export async function makeDirDurably(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  for (let dir = path; dir.length >= first.length; dir = parentOf(dir)) await syncDir(parentOf(dir))
}

export function hasCode(err: unknown, ...codes: string[]): boolean {
  return err instanceof Error && 'code' in err && codes.includes(String(err.code))
}

function tempRoot(root: string): string {
  return join(root, 'tmp')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (err) {
    return hasCode(err, 'EPERM')
  }
}

async function isOlder(path: string, time: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs < time
  } catch {
    return false
  }
}
