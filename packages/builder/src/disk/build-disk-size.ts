import type { StatsFs } from 'node:fs'
import { MachineFault } from '@copr/agent/machine-fault'
import { type BuildDisk, MIN_BUILD_DISK_BYTES } from './build-disk.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
/** The share of the machine's free space that a build's disk must leave for logs and caches. At least MIN_RESERVE_BYTES are left. */
const RESERVE_SHARE = 1 / 10
const MIN_RESERVE_BYTES = 192 * MIB

/** Returns the size of a build's disk: the limit, but no more than the machine can store. Throws a MachineFault if that is too little. */
export function buildDiskBytes(
  max_bytes: number,
  { bavail, bsize }: Pick<StatsFs, 'bavail' | 'bsize'>,
): number {
  const free = bavail * bsize
  const reserve = Math.max(free * RESERVE_SHARE, MIN_RESERVE_BYTES)
  const bytes = Math.min(max_bytes, Math.floor((free - reserve) / MIB) * MIB)
  if (bytes >= MIN_BUILD_DISK_BYTES) return bytes
  throw new MachineFault(
    'disk_full',
    `The machine has no space for the disk of a build: ${sizeOf(free)} are free, and ${sizeOf(MIN_BUILD_DISK_BYTES + MIN_RESERVE_BYTES)} are needed`,
  )
}

/**
 * Returns a clause that names the limit (space or number of files) that a failed build has reached on its own disk; undefined if it has
 * reached neither.
 */
export function filledSentence(disk: BuildDisk, error: unknown): string | undefined {
  const { filled } = disk.usage()
  if (filled === 'inodes')
    return `the build created more files than its disk of ${sizeOf(disk.bytes)} can hold (${disk.inodes})`
  if (filled === 'bytes' || isNoSpace(error))
    return `the build filled its disk of ${sizeOf(disk.bytes)}`
  return undefined
}

/** Returns whether the error, or one of its causes, is ENOSPC. A large write can fail in this way although the disk is not full. */
function isNoSpace(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if ('code' in each && each.code === 'ENOSPC') return true
  return false
}

function sizeOf(bytes: number): string {
  const [unit, name] = bytes >= GIB ? [GIB, 'GiB'] : [MIB, 'MiB']
  return `${Number((bytes / unit).toFixed(1))} ${name}`
}
