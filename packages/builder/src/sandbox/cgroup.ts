import { readdir, rmdir } from 'node:fs/promises'
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

/** Returns the mount points of control groups: one with version 2, one for each controller with version 1. */
async function hierarchies(): Promise<string[]> {
  const entries = await readdir(CGROUPS, { withFileTypes: true }).catch(() => [])
  const isUnified = entries.some(({ name }) => name === 'cgroup.controllers')
  if (isUnified) return [CGROUPS]
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(CGROUPS, name))
}
