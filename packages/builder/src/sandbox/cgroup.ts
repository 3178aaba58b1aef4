import { access, constants, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const CGROUPS = '/sys/fs/cgroup'
/** Parent cgroup of all sandboxes on this machine. */
export const PARENT_CGROUP = '/copr-builder'
/** The controllers of cgroup v2 that distribute resources by weight. */
const WEIGHTED = ['cpu', 'io']
/**
 * Maps the files that contain weights to half of the kernel's default. cpu.shares exists in cgroup v1; io.bfq.weight exists only with the
 * BFQ scheduler.
 */
const HALF_WEIGHT = {
  'cpu.shares': '512',
  'cpu.weight': '50',
  'io.weight': '50',
  'io.bfq.weight': '50',
}
const ATTEMPTS = 50
const AGAIN_MS = 20

/**
 * Removes a sandbox's cgroup, which a container runtime leaves behind when it is killed. The processes in the cgroup have ended or are
 * about to end.
 */
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

/** Removes the cgroups of sandboxes whose builder was killed; cgroups in use stay. */
export async function removeUnusedCgroups(): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const parent = join(hierarchy, PARENT_CGROUP)
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => [])
    for (const entry of entries)
      if (entry.isDirectory()) await rmdir(join(parent, entry.name)).catch(() => undefined)
  }
}

/** Returns whether cgroups are mounted. */
export async function hasCgroups(): Promise<boolean> {
  return (await hierarchies()).length > 0
}

/** Returns whether this process may create cgroups; in a container, it often may not. */
export async function areCgroupsWritable(): Promise<boolean> {
  const [first] = await hierarchies()
  return first !== undefined && (await isAccessible(first, constants.W_OK))
}

/**
 * Allows cgroups below this container's own to have limits. cgroup v2 allows this only in a cgroup without processes (except in the
 * machine's root cgroup), so this container's processes are moved to a cgroup of their own.
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

/**
 * Gives all sandboxes together half the weight of the machine's other cgroups, so that the agent stays responsive. Weights count only among
 * siblings: a sandbox that is alone in its parent cgroup gets everything that the parent gets, whatever its own weight. Controllers that
 * this kernel lacks, and cgroups that this process may not change, keep their weights.
 */
export async function halveSandboxWeight(): Promise<void> {
  if (!(await areCgroupsWritable())) return
  for (const hierarchy of await hierarchies()) {
    const isUnified = hierarchy === CGROUPS
    if (!isUnified && !(await isAccessible(join(hierarchy, 'cpu.shares')))) continue
    const parent = join(hierarchy, PARENT_CGROUP)
    await mkdir(parent, { recursive: true }).catch(() => undefined)
    // The parent enables the controllers as well. Otherwise, systemd would consider them unused and disable them in the root cgroup, which
    // resets the weights.
    for (const group of isUnified ? [hierarchy, parent] : [])
      for (const controller of WEIGHTED)
        await setValue(join(group, 'cgroup.subtree_control'), `+${controller}`)
    for (const [file, value] of Object.entries(HALF_WEIGHT))
      await setValue(join(parent, file), value)
  }
}

/** Writes to a cgroup's file, if the file exists and the kernel accepts the value. */
async function setValue(path: string, value: string): Promise<void> {
  await writeFile(path, value, { flag: 'r+' }).catch(() => undefined)
}

/** Returns whether cgroups report their peak number of processes, as they do with recent kernels. */
export async function hasProcessPeak(): Promise<boolean> {
  const found = await Promise.all(
    ['', 'pids'].map((name) => isAccessible(join(CGROUPS, name, PARENT_CGROUP, 'pids.peak'))),
  )
  return found.includes(true)
}

async function isAccessible(path: string, mode = constants.F_OK): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  )
}

/** Returns the mount points of cgroups: one with cgroup v2, one for each controller with v1. */
async function hierarchies(): Promise<string[]> {
  const entries = await readdir(CGROUPS, { withFileTypes: true }).catch(() => [])
  const isUnified = entries.some(({ name }) => name === 'cgroup.controllers')
  if (isUnified) return [CGROUPS]
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(CGROUPS, name))
}
