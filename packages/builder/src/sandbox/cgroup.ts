import { access, constants, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const CGROUPS = '/sys/fs/cgroup'
/** The control groups of all sandboxes on this machine. */
export const PARENT_CGROUP = '/copr-builder'
const ATTEMPTS = 50
const AGAIN_MS = 20

/** Removes a sandbox's control group, which a runtime leaves behind when it is killed. Its processes have ended or are about to. */
export async function removeCgroup(path: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const error = await rmdir(join(hierarchy, path)).then(
        () => undefined,
        (reason: unknown) => (reason as NodeJS.ErrnoException).code,
      )
      if (error !== 'EBUSY') break
      await sleep(AGAIN_MS)
    }
  }
}

/** Removes the control groups of sandboxes whose builder was killed; those in use stay. */
export async function removeUnusedCgroups(): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const parent = join(hierarchy, PARENT_CGROUP)
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => [])
    for (const entry of entries)
      if (entry.isDirectory()) await rmdir(join(parent, entry.name)).catch(() => undefined)
  }
}

/** Returns whether control groups are mounted. */
export async function hasCgroups(): Promise<boolean> {
  return (await hierarchies()).length > 0
}

/** Returns whether this process may create control groups: in a container, often not. */
export async function areCgroupsWritable(): Promise<boolean> {
  const [first] = await hierarchies()
  if (first === undefined) return false
  return await access(first, constants.W_OK).then(
    () => true,
    () => false,
  )
}

/**
 * Lets control groups below this container's own have limits. Version 2 allows that only in a group without processes, except in the
 * machine's root group: this container's processes move to a group of their own.
 */
export async function delegateCgroups(): Promise<void> {
  const [root] = await hierarchies()
  if (root !== CGROUPS || !(await areCgroupsWritable())) return
  const enable = (): Promise<void> =>
    writeFile(join(root, 'cgroup.subtree_control'), '+memory +pids')
  try {
    await enable()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    const aside = join(root, 'copr-agent')
    await mkdir(aside, { recursive: true })
    const ids = (await readFile(join(root, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean)
    // A process that has ended in the meantime cannot be moved.
    for (const id of ids) await writeFile(join(aside, 'cgroup.procs'), id).catch(() => undefined)
    await enable()
  }
}

/** Returns the mount points of control groups: one with version 2, one for each controller with version 1. */
async function hierarchies(): Promise<string[]> {
  const entries = await readdir(CGROUPS, { withFileTypes: true }).catch(() => [])
  const isUnified = entries.some(({ name }) => name === 'cgroup.controllers')
  if (isUnified) return [CGROUPS]
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(CGROUPS, name))
}
