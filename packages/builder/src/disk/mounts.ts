import { readFile } from 'node:fs/promises'
import { run } from '@copr/process/run'

export interface Mount {
  mount_point: string
  /** Major and minor number of the device, such as `7:3` for /dev/loop3. */
  device: string
}

/** Parses /proc/self/mountinfo, in which the kernel escapes white space and backslashes with three octal digits, such as `\040`. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [, , device, , path] = line.split(' ')
    if (device === undefined || path === undefined) return []
    const mount_point = path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    return [{ mount_point, device }]
  })
}

export async function readMounts(): Promise<Mount[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** Returns the mounts below a directory, in an order in which they can be unmounted. A path appears once for each mount on it. */
export function mountsBelow(dir: string, mounts: Mount[]): Mount[] {
  const depth = ({ mount_point }: Mount): number => mount_point.split('/').length
  return mounts
    .filter(({ mount_point }) => mount_point.startsWith(`${dir}/`))
    .toSorted((a, b) => depth(b) - depth(a))
}

/**
 * Unmounts all file systems below a directory, which must be an absolute path without links. A file system that a dying process still
 * uses disappears from the directory at once and is freed when that process has ended.
 */
export async function unmountBelow(dir: string): Promise<void> {
  for (const { mount_point } of mountsBelow(dir, await readMounts())) {
    const plain = await run('umount', ['--no-canonicalize', '--', mount_point])
    if (plain.ok) continue
    const lazy = await run('umount', ['--no-canonicalize', '--lazy', '--', mount_point])
    if (!lazy.ok) throw new Error(`Cannot unmount ${mount_point}: ${lazy.output.trim()}`)
  }
}
