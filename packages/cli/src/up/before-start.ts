import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { checkMachine } from '@copr/builder/check-machine'
import { CoprError } from '@copr/process/errors'
import type { Layout } from './data-dir.ts'
import { requireFreePort } from './listen-check.ts'

const GB = 1e9
/** Minimum free space for a first start, which with the example takes up to 0.77 GB at its peak, and 0.55 GB once it is complete. */
const FIRST_START_BYTES = 1 * GB
/**
 * Minimum free space for later starts: enough for PostgreSQL's WAL, but so little that a nearly full system can still start and delete
 * builds.
 */
const LATER_START_BYTES = 0.05 * GB

/** The programs that the servers need in addition to those that builds need. */
const PROGRAMS = ['createrepo_c', 'rpmbuild']

/**
 * Checks the prerequisites before anything is written; if one is missing, throws an error whose message is one sentence that suggests a
 * remedy.
 */
export async function checkBeforeStart(
  paths: Layout,
  listen: { host: string; port: number },
): Promise<void> {
  requireRoot()
  requireUsable(paths)
  await checkMachine({ programs: PROGRAMS, dir: nearestExisting(paths.dir) })
  await requireFreePort(listen)
  await requireSpace(paths)
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return
  throw new CoprError(
    'forbidden',
    `Cannot start as ${userName()}: only root can create mounts and namespaces, install packages into the root of a build, and run PostgreSQL as another user; run it as root, for example "sudo make up"`,
  )
}

function userName(): string {
  try {
    return `the user ${userInfo().username}`
  } catch {
    return `the user ${process.getuid?.() ?? ''}` // /etc/passwd does not name it
  }
}

/** Throws unless the folder exists and is writable, or can be created, and no other system uses it. */
function requireUsable({ dir, lock }: Layout): void {
  const there = nearestExisting(dir)
  const refuse = (why: string): never => {
    throw new CoprError(
      'invalid',
      `Cannot use ${dir}: ${why}; choose another folder with --data-dir`,
    )
  }
  if (!statSync(there).isDirectory()) refuse(`${there} is not a folder`)
  try {
    accessSync(there, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    refuse(
      code === 'EROFS'
        ? `the file system of ${there} is mounted read-only`
        : `${there} cannot be written (${code ?? 'unknown'})`,
    )
  }
  const user = userOf(lock)
  if (user !== undefined)
    throw new CoprError(
      'conflict',
      `Cannot use ${dir}: it is in use by the process ${user}; stop that one or choose another folder with --data-dir`,
    )
}

/** Returns the process ID of another `coprctl up` that uses the folder; undefined if there is none. */
function userOf(lock: string): number | undefined {
  const pid = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
  return pid > 0 && pid !== process.pid && isCoprctl(pid) ? pid : undefined
}

function isCoprctl(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('up')
  } catch {
    return false
  }
}

async function requireSpace({ dir, config }: Layout): Promise<void> {
  const isFirst = !existsSync(config)
  const needed = isFirst ? FIRST_START_BYTES : LATER_START_BYTES
  const free = await freeBytes(dir)
  if (free >= needed) return
  throw new CoprError(
    'unavailable',
    `Cannot start: ${isFirst ? 'the first' : 'a'} start needs ${gigabytes(needed)} for ${dir}, and its file system has ${gigabytes(free)} free; free some space, or choose another folder with --data-dir`,
  )
}

/** Returns the free bytes on the file system of a folder, which need not exist yet. */
async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(nearestExisting(dir))
  return bavail * bsize
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}

const gigabytes = (bytes: number): string => `${(bytes / GB).toFixed(2)} GB`

/**
 * If a full disk caused the error, in this process or in a program that it ran, returns an error that explains this; otherwise returns the
 * error unchanged.
 */
export async function explainFullDisk(error: unknown, { dir }: Layout): Promise<unknown> {
  if (!isFullDisk(error)) return error
  const { files, ffree } = await statfs(nearestExisting(dir))
  const inodes = files > 0 ? ` and ${ffree} of ${files} inodes` : ''
  // Has no `cause`, because the message of the program that failed adds nothing.
  return new CoprError(
    'unavailable',
    `Cannot continue: the file system of ${dir} is full (free now: ${gigabytes(await freeBytes(dir))}${inodes}); free some space and start again, or choose another folder with --data-dir`,
  )
}

/** Reports whether a full disk caused the error, directly or further down the chain of causes. */
export function isFullDisk(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, cause } = error as NodeJS.ErrnoException & { cause?: unknown }
  return (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    code === '53100' || // PostgreSQL's disk_full
    /No space left on device|Disk quota exceeded|\bENOSPC\b/.test(error.message) ||
    isFullDisk(cause)
  )
}
