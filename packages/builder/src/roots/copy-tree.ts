import type { StatsFs } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { run } from '@copr/process/run'

/** Maximum share of the free space, and of the free inodes, that one copy may take. */
const MAX_SHARE = 1 / 4

export async function isOnOneDisk(a: string, b: string): Promise<boolean> {
  return (await stat(a)).dev === (await stat(b)).dev
}

/**
 * Copies a directory, which untrusted programs have filled, to another disk. Links are copied rather than followed; hard links, file
 * attributes and holes are kept; runs of zeros become holes. Rejects if the directory is too large for the other disk; `before` is the
 * state of the directory's own disk before the directory was filled.
 */
export async function copyTree(
  { from, to, before }: { from: string; to: string; before: StatsFs },
  signal: AbortSignal,
): Promise<void> {
  requireSpace(before, await statfs(from), await statfs(dirname(to)))
  // With an explicit list, cp fails if an attribute cannot be kept; with --archive, it would ignore this.
  const copied = await run(
    'cp',
    // oxfmt-ignore
    [
      '--no-dereference', '--recursive', '--preserve=mode,ownership,timestamps,links,xattr',
      '--sparse=always', '--one-file-system', '--no-target-directory', '--', from, to,
    ],
    { signal },
  )
  if (copied.ok) return
  signal.throwIfAborted()
  throw new Error(
    `copying it failed: ${copied.output.trim().split('\n').at(-1)?.slice(-300) ?? ''}`,
  )
}

function requireSpace(before: StatsFs, after: StatsFs, there: StatsFs): void {
  const bytes = (before.bfree - after.bfree) * after.bsize
  const max_bytes = Math.floor(there.bavail * there.bsize * MAX_SHARE)
  if (bytes > max_bytes)
    throw new Error(`it has ${bytes} bytes, and a quarter of the free space is ${max_bytes}`)
  const inodes = before.ffree - after.ffree
  const max_inodes = Math.floor(there.ffree * MAX_SHARE)
  // Some file systems have no fixed number of inodes and report 0.
  if (there.files > 0 && inodes > max_inodes)
    throw new Error(`it has ${inodes} files, and a quarter of the free inodes is ${max_inodes}`)
}
