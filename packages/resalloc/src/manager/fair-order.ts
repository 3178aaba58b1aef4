import type { RunningLimits } from '@copr/domain/queue/claim-conditions'
import type { Demand, RunningTasks } from '@copr/domain/queue/demand'
import type { RunningQuotas } from '@copr/domain/queue/running-quotas'

interface Owner {
  running: number
  readonly groups: { group: Demand; left: number }[]
}

/**
 * Counts running tasks, including those for which a machine has just been found, and compares the counts with the limits. A quota of an
 * owner or project overrides the configured limit.
 */
export class RunningCounts {
  readonly #counts = new Map<string, number>()
  readonly #limits: RunningLimits
  readonly #quotas: RunningQuotas

  constructor(running: readonly RunningTasks[], limits: RunningLimits, quotas: RunningQuotas) {
    this.#limits = limits
    this.#quotas = quotas
    for (const { tasks, ...of } of running) this.add(of, tasks)
  }

  add(of: Omit<RunningTasks, 'tasks'>, tasks: number): void {
    for (const key of keysOf(of)) this.#counts.set(key, (this.#counts.get(key) ?? 0) + tasks)
  }

  ofOwner(ownername: string): number {
    return this.#counts.get(`owner ${ownername}`) ?? 0
  }

  /** Describes the limit that one more task would exceed; undefined if it would exceed none. */
  reached(of: Omit<RunningTasks, 'tasks'>): string | undefined {
    const { ownername, project_id, sandbox, arch } = of
    const limits = this.#limits
    const { owners, projects } = this.#quotas
    // A quota of null means no limit.
    const quotaOr = <Key>(
      quotas: ReadonlyMap<Key, number | null>,
      key: Key,
      limit: number | undefined,
    ): number | undefined => {
      const quota = quotas.get(key)
      return quota === undefined ? limit : (quota ?? undefined)
    }
    const isFull = (key: string, max: number | undefined): boolean =>
      max !== undefined && (this.#counts.get(key) ?? 0) >= max
    const of_owner = quotaOr(owners, ownername, limits.max_builds_per_owner)
    if (isFull(`owner ${ownername}`, of_owner))
      return `${ownername} is running ${of_owner} builds, which is the limit per owner`
    const of_project = quotaOr(projects, project_id, limits.max_builds_per_project)
    if (isFull(`project ${project_id}`, of_project))
      return `The project is running ${of_project} builds, which is the limit per project`
    if (isFull(`sandbox ${sandbox}`, limits.max_builds_per_sandbox))
      return `${sandbox} is running ${limits.max_builds_per_sandbox} builds, which is the limit per project and submitter`
    if (arch === null) return undefined
    const of_arch = limits.max_builds_per_arch?.[arch]
    if (isFull(`arch ${arch}`, of_arch))
      return `${of_arch} builds for ${arch} are running, which is the limit`
    const of_both = limits.max_builds_per_owner_and_arch?.[arch]
    if (isFull(`both ${ownername} ${arch}`, of_both))
      return `${ownername} is running ${of_both} builds for ${arch}, which is the limit per owner`
    return undefined
  }
}

function keysOf({ ownername, project_id, sandbox, arch }: Omit<RunningTasks, 'tasks'>): string[] {
  const keys = [`owner ${ownername}`, `project ${project_id}`, `sandbox ${sandbox}`]
  return arch === null ? keys : [...keys, `arch ${arch}`, `both ${ownername} ${arch}`]
}

/**
 * Visits the waiting tasks in the order in which machines would claim them: foreground builds before background builds, then the owner with
 * the fewest running tasks, then the oldest task. `serve` returns whether a machine was found for the next task of the group; if not, the
 * group is not visited again.
 */
export function inFairOrder(
  demand: readonly Demand[],
  counts: RunningCounts,
  serve: (group: Demand) => boolean,
): Map<Demand, number> {
  const unserved = new Map<Demand, number>()
  for (const is_background of [false, true]) {
    const owners = new Map<string, Owner>()
    for (const group of demand.filter((each) => each.is_background === is_background)) {
      const owner = owners.get(group.ownername) ?? {
        running: counts.ofOwner(group.ownername),
        groups: [],
      }
      owner.groups.push({ group, left: group.tasks })
      owners.set(group.ownername, owner)
    }
    serveOwners(owners, serve, unserved)
  }
  return unserved
}

function serveOwners(
  owners: Map<string, Owner>,
  serve: (group: Demand) => boolean,
  unserved: Map<Demand, number>,
): void {
  while (owners.size > 0) {
    const [name, owner] = [...owners].reduce((best, each) =>
      each[1].running < best[1].running ? each : best,
    )
    const head = owner.groups[0]
    if (!head) {
      owners.delete(name)
      continue
    }
    if (serve(head.group)) {
      owner.running++
      if (--head.left === 0) owner.groups.shift()
    } else {
      unserved.set(head.group, head.left)
      owner.groups.shift()
    }
  }
}
