import { readFileSync, statfsSync } from 'node:fs'
import { chmod, open, readdir, realpath, rm, rmdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, runOrThrow } from '@copr/process/run'

const MIB = 1024 ** 2
export const MIN_BUILD_DISK_BYTES = 64 * MIB
const BLOCK_BYTES = 4096
/** Disk space per inode: less than the average size of a build's files. A disk of 40 GiB has 2.6 million inodes. */
const BYTES_PER_INODE = 16 * 1024
/** Maximum number of inodes. With more, it would only take longer to remove the files of a build that uses all of them. */
const MAX_INODES = 4_000_000

const SAMPLE_MS = 200
/**
 * A disk counts as full with less free space than this or, if it is small, with less than a fiftieth of its size: the next write may fail.
 */
const FULL_BYTES = 8 * MIB
/** With fewer free inodes than this, creating the next files may fail. */
const FULL_INODES = 16

/**
 * Time limit for each step of freeing space. A million files take longer, but a canceled build must end, and unmounting frees the remaining
 * space.
 */
const FREE_MS = 5_000
/** How long to wait for killed processes to close their files. */
const RELEASE_MS = 5_000
const POLL_MS = 20

/**
 * The features are listed explicitly, so that every version of mkfs.ext4 makes the same file system. There is no journal, because no disk
 * outlives its build. `uninit_bg` lets mkfs skip the inode tables, which are zeros in a sparse file anyway. `sparse_super2` without
 * backups, and packed metadata, keep mkfs from writing to every 128 MiB of the disk.
 */
const FEATURES =
  'none,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super2,large_file,huge_file,uninit_bg,dir_nlink,extra_isize'
const EXTENDED = 'lazy_itable_init=1,nodiscard,packed_meta_blocks=1,num_backup_sb=0'

/**
 * - `nosuid`, `nodev`: buildroots contain setuid programs, and the disk keeps mode bits, file capabilities and overlay whiteouts, but
 *   nothing can gain privileges through a path on the host. Overlay mounts have their own flags, so programs in a buildroot are not
 *   affected. A bind mount of the disk in another user namespace must repeat both flags.
 * - `nobarrier`: an fsync in a build (by rpm's database) does not flush the machine's disk.
 * - `noinit_itable`: otherwise, the kernel would fill the inode tables with zeros in the background: 640 MB on a disk of 40 GiB.
 * - `errors=remount-ro`: if the machine's disk is full or broken, the build fails instead of continuing with lost data.
 * - `loop` without a number sets autoclear: the device is released together with the mount.
 */
const MOUNT_OPTIONS = 'loop,nosuid,nodev,nobarrier,noinit_itable,errors=remount-ro'

export interface BuildDiskOptions {
  /** Path of the image file, which must not exist. It is unlinked once the disk is open. */
  image: string
  /** An existing empty directory. */
  mount_point: string
  /** The size of the disk. The file system's own structures take a few percent of it. */
  bytes: number
  /** Maximum number of files, directories and links. Default: one for each 16 KiB. */
  inodes?: number
  signal: AbortSignal
}

interface DiskUsage {
  used_bytes: number
  free_bytes: number
  used_inodes: number
  free_inodes: number
  /** The resource that ran out at some time since the disk was opened; undefined if neither did. */
  filled: 'bytes' | 'inodes' | undefined
}

/** A file system of bounded size for one build. Disposing it unmounts it and frees its space. */
export interface BuildDisk extends AsyncDisposable {
  /** The size in bytes, and the maximum number of inodes. */
  bytes: number
  inodes: number
  usage(): DiskUsage
  /** Returns whether the machine's disk has failed to store data that was written to this disk, so that files on it may be damaged. */
  hasLostData(): boolean
}

/**
 * Makes a sparse file with an ext4 file system and mounts it. The disk takes no space until it is used; a build that fills it gets ENOSPC.
 * The file is unlinked once it is mounted: if this process is killed, only the mount remains, which unmountBelow() removes.
 */
export async function openBuildDisk(options: BuildDiskOptions): Promise<BuildDisk> {
  const { image, bytes } = options
  if (!Number.isSafeInteger(bytes) || bytes < MIN_BUILD_DISK_BYTES)
    throw new RangeError(
      `A disk of a build has at least ${MIN_BUILD_DISK_BYTES} bytes, not ${bytes}`,
    )
  const mount_point = await realpath(options.mount_point)
  try {
    await makeImage(options)
    await runOrThrow('mount', ['-t', 'ext4', '-o', MOUNT_OPTIONS, '--', image, mount_point], {
      signal: options.signal,
    })
  } catch (error) {
    // The mount may have succeeded although it was canceled.
    await run('umount', ['--no-canonicalize', '--quiet', '--', mount_point])
    throw error
  } finally {
    await rm(image, { force: true })
  }
  try {
    const device = await deviceOf(mount_point)
    await rmdir(join(mount_point, 'lost+found'))
    await chmod(mount_point, 0o700)
    return openedDisk(mount_point, bytes, device)
  } catch (error) {
    await unmount(mount_point)
    throw error
  }
}

async function makeImage({ image, bytes, inodes, signal }: BuildDiskOptions): Promise<void> {
  const file = await open(image, 'wx', 0o600)
  try {
    await file.truncate(bytes)
  } finally {
    await file.close()
  }
  const count = Math.min(inodes ?? Math.ceil(bytes / BYTES_PER_INODE), MAX_INODES)
  // oxfmt-ignore
  const args = [
    '-q', '-F', '-b', String(BLOCK_BYTES), '-I', '256', '-N', String(count), '-m', '0',
    '-O', FEATURES, '-E', EXTENDED, '--', image,
  ]
  await runOrThrow('mkfs.ext4', args, { signal })
}

function openedDisk(mount_point: string, bytes: number, device: string): BuildDisk {
  let filled: DiskUsage['filled']
  const sample = (): Omit<DiskUsage, 'filled'> => {
    const { blocks, bfree, bavail, bsize, files, ffree } = statfsSync(mount_point)
    const free_bytes = bavail * bsize
    if (ffree < FULL_INODES) filled = 'inodes'
    else if (free_bytes < Math.min(FULL_BYTES, bytes / 50)) filled = 'bytes'
    const used_bytes = (blocks - bfree) * bsize
    return { used_bytes, free_bytes, used_inodes: files - ffree, free_inodes: ffree }
  }
  const { used_inodes, free_inodes } = sample()
  const timer = setInterval(sample, SAMPLE_MS)
  return {
    bytes,
    inodes: used_inodes + free_inodes,
    usage: () => ({ ...sample(), filled }),
    hasLostData: () => errorsOf(device) > 0,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await freeSpace(mount_point)
      await unmount(mount_point)
    },
  }
}

/**
 * Frees the space of the disk before it is unmounted. Otherwise, the kernel would first write everything that the build has left in memory
 * to the machine's disk, which takes several times as long. Moreover, a mount namespace that was created while the disk was mounted, such
 * as that of another builder's sandbox, keeps a copy of the mount, and thus all of its space, until the namespace ends.
 */
async function freeSpace(mount_point: string): Promise<void> {
  // A disk that lost data may be unreadable, but must be unmounted anyway.
  const names = await readdir(mount_point).catch(() => [])
  const paths = names.map((name) => join(mount_point, name))
  if (paths.length > 0)
    await run('rm', ['-rf', '--one-file-system', '--', ...paths], { timeout_ms: FREE_MS })
  // On file systems that cannot punch holes in a file, the space is freed together with the loop device.
  await run('fstrim', ['--quiet-unsupported', '--', mount_point], { timeout_ms: FREE_MS })
}

/**
 * Unmounts a disk. Throws if a process still uses it; the disk then disappears from its directory at once, and is unmounted when that
 * process ends.
 */
async function unmount(mount_point: string): Promise<void> {
  const deadline = Date.now() + RELEASE_MS
  for (;;) {
    const plain = await run('umount', ['--no-canonicalize', '--', mount_point])
    if (plain.ok) return
    if (Date.now() < deadline) {
      await sleep(POLL_MS)
      continue
    }
    await runOrThrow('umount', ['--no-canonicalize', '--lazy', '--', mount_point])
    throw new Error(`The disk of the build is still in use: ${plain.output.trim()}`)
  }
}

/** Returns the name of the block device of a mount, such as `loop3`. */
async function deviceOf(mount_point: string): Promise<string> {
  const { dev } = await stat(mount_point)
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00)
  return basename(await realpath(`/sys/dev/block/${(dev >>> 8) & 0xfff}:${minor}`))
}

/** Returns the number of errors in the file system's own structures and of failed writes to them. */
function errorsOf(device: string): number {
  try {
    return Number(readFileSync(`/sys/fs/ext4/${device}/errors_count`, 'utf8'))
  } catch {
    return 0 // a container without this part of /sys
  }
}
