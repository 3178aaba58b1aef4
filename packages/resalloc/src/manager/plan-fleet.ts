import type { ManagedMachine } from '@copr/domain/machines/managed-machines'
import type { Demand } from '@copr/domain/queue/demand'
import type { NewReason } from '@copr/domain/queue/waiting-reasons'
import { warmPoolSize } from '../pools/warm-pool-size.ts'
import { inFairOrder, RunningCounts } from './fair-order.ts'
import { PoolCapacity, type Wish } from './pool-capacity.ts'
import { type Action, type Desired, type Observed, secondsSince } from './plan-types.ts'

/** Plans which machines should exist: for waiting tasks and the warm pool, within the limits. */
export function planFleet(
  observed: Observed,
  desired: Desired,
  decided: readonly Action[],
  now: Date,
): Action[] {
  const fleet = new Fleet(observed, desired, decided, now)
  fleet.obeyLimits()
  const counts = new RunningCounts(observed.running, desired.limits, observed.quotas)
  const reasons = new Map<Demand, string>()
  /** Groups that have reached a limit on running tasks, so more machines would not help them. */
  const limited = new Set<Demand>()
  const unserved = inFairOrder(observed.demand, counts, (group) => {
    const limit = counts.reached(group)
    if (limit !== undefined) limited.add(group)
    const why = limit ?? fleet.serve(group)
    if (why === undefined) counts.add(group, 1)
    else reasons.set(group, why)
    return why === undefined
  })
  for (const [group, tasks] of unserved) if (!limited.has(group)) fleet.makeRoom(group, tasks)
  fleet.fillWarmPools()
  const unmet = [...unserved].map(([group, tasks]) => reasonOf(group, tasks, reasons.get(group)))
  return [...fleet.actions, { kind: 'explain', reasons: merged(unmet) }]
}

function reasonOf(group: Demand, tasks: number, why: string | undefined): NewReason {
  const { arch, tags, ownername, sandbox } = group
  return { arch: arch ?? '', tags, ownername, sandbox, tasks, reason: why ?? '' }
}

/** Merges the reasons of foreground and background builds that have the same requirements. */
function merged(reasons: NewReason[]): NewReason[] {
  const byKind = Map.groupBy(reasons, ({ arch, tags, ownername, sandbox }) =>
    JSON.stringify([arch, tags, ownername, sandbox]),
  )
  return [...byKind.values()].flatMap(([first, ...others]) =>
    first ? [{ ...first, tasks: others.reduce((sum, each) => sum + each.tasks, first.tasks) }] : [],
  )
}

class Fleet {
  readonly actions: Action[] = []
  readonly #capacities: PoolCapacity[]
  readonly #others: Observed['others'][number][]
  /** Unused machines: each can run any task that its pool supports. */
  readonly #fresh: Candidate[] = []
  /** Idle machines that have already run tasks. They can run only tasks of their sandbox. */
  readonly #kept: Candidate[] = []
  /** Sandboxes with waiting tasks. */
  readonly #awaited: ReadonlySet<string>
  readonly #awaitedTags: ReadonlySet<string>
  readonly #now: Date

  constructor(observed: Observed, desired: Desired, decided: readonly Action[], now: Date) {
    this.#now = now
    this.#awaitedTags = new Set(observed.demand.flatMap(({ tags }) => tags))
    this.#awaited = new Set(observed.demand.map(({ sandbox }) => sandbox))
    this.#others = [...observed.others]
    const leaving = new Set(
      decided.flatMap((action) =>
        'machine' in action && ['drop', 'drain', 'end'].includes(action.kind)
          ? [action.machine.id]
          : [],
      ),
    )
    const machines = Map.groupBy(observed.machines, (machine) => machine.pool)
    const rows = new Map(observed.pools.map((row) => [row.name, row]))
    this.#capacities = desired.pools.flatMap((pool) => {
      const row = rows.get(pool.name)
      const own = machines.get(pool.name) ?? []
      if (!row) return []
      const capacity = new PoolCapacity(pool, row, own, observed, now)
      for (const machine of own) if (!leaving.has(machine.id)) this.#sort(machine, capacity)
      return [capacity]
    })
  }

  #sort(machine: ManagedMachine, capacity: PoolCapacity): void {
    const { state, task_id, uses, held_until, cordoned, check_failures, needs_cleaning } = machine
    const isUsable = !held_until && !cordoned && check_failures === 0
    const isIdle = state === 'ready' && task_id === null && isUsable
    if (['planned', 'launching', 'booting'].includes(state)) this.#fresh.push({ machine, capacity })
    else if (isIdle && uses === 0) this.#fresh.push({ machine, capacity })
    else if (isIdle && uses > 0 && !needs_cleaning) this.#kept.push({ machine, capacity })
  }

  /** Dismisses idle machines of pools that exceed their limit; busy machines finish their task first. */
  obeyLimits(): void {
    for (const capacity of this.#capacities) {
      const { name, config } = capacity.pool
      const why = `The pool ${name} has more than ${config.max} machines`
      const idle = [...this.#fresh, ...this.#kept].filter((each) => each.capacity === capacity)
      for (const each of inOrderOfLeaving(idle)) {
        if (capacity.living - capacity.freeing <= config.max) break
        this.#dismiss(each, why)
      }
    }
  }

  #dismiss(each: Candidate, why: string): boolean {
    const { machine, capacity } = each
    if (machine.state === 'planned') this.actions.push({ kind: 'drop', machine, why })
    else if (machine.state === 'ready') this.actions.push({ kind: 'drain', machine, why })
    // A starting machine will be ready soon, and can be drained then.
    else return false
    for (const list of [this.#fresh, this.#kept])
      if (list.includes(each)) list.splice(list.indexOf(each), 1)
    capacity.freeing++
    return true
  }

  /** Finds a machine for one task; returns the reason if there is none. */
  serve(group: Demand): string | undefined {
    if (this.#takeKept(group) || this.#takeOther(group) || this.#takeFresh(group)) return undefined
    const memory = this.#memoryFor(group)
    const capacities = this.#capacities.filter(
      (capacity) => capacity.startsFor(group) && (memory === 0 || capacity.offers(memory)),
    )
    const [best] = inOrderOfPreference(
      capacities.filter((capacity) => capacity.whyNot() === undefined),
      group,
    )
    const offering = best?.start(memory)
    if (best && offering) {
      const why = `${group.sandbox} has a waiting task`
      this.actions.push({ kind: 'create', pool: best.pool.name, offering, why })
      return undefined
    }
    return this.#whyNot(group, capacities)
  }

  /**
   * Returns the memory in MB that the group's tasks need because they ran out of memory before. Returns 0, so that any machine is big
   * enough, if no pool offers that much.
   */
  #memoryFor(group: Demand): number {
    const wanted = group.min_memory_mb ?? 0
    return this.#capacities.some((capacity) => capacity.startsFor(group) && capacity.offers(wanted))
      ? wanted
      : 0
  }

  #takeKept(group: Demand): boolean {
    const { sandbox, arch, tags } = group
    const wish = { arch, tags }
    const memory = this.#memoryFor(group)
    const at = this.#kept.findIndex(
      ({ machine, capacity }) =>
        capacity.can(wish) &&
        capacity.isBigEnough(machine, memory) &&
        (!capacity.row.one_sandbox || machine.sandbox === sandbox),
    )
    if (at >= 0) this.#kept.splice(at, 1)
    return at >= 0
  }

  #takeOther({ arch, tags }: Demand): boolean {
    const at = this.#others.findIndex((each) => each.is_idle && canOther(each, { arch, tags }))
    if (at >= 0) this.#others.splice(at, 1)
    return at >= 0
  }

  /** Takes an unused machine; prefers one that is ready to one that is still starting. */
  #takeFresh(group: Demand): boolean {
    const memory = this.#memoryFor(group)
    const best = this.#fresh
      .filter(
        ({ machine, capacity }) =>
          this.#mayTake(machine, capacity, group) && capacity.isBigEnough(machine, memory),
      )
      .reduce<Candidate | undefined>(
        (found, each) => (found && !isBetter(each, found, group) ? found : each),
        undefined,
      )
    if (best) this.#fresh.splice(this.#fresh.indexOf(best), 1)
    return best !== undefined
  }

  /**
   * Whether the task may take the machine. As long as any waiting task requests the tags of an on-demand pool, the pool's machines are
   * reserved for such tasks.
   */
  #mayTake({ state }: ManagedMachine, capacity: PoolCapacity, group: Demand): boolean {
    if (capacity.startsFor(group)) return true
    const { tags_on_demand } = capacity.pool.config
    const isAwaited = tags_on_demand.some(({ name }) => this.#awaitedTags.has(name))
    return capacity.can(group) && state === 'ready' && !isAwaited
  }

  /**
   * In pools that are at their limit, dismisses idle machines that belong to another sandbox or are too small: as many as there are waiting
   * tasks, minus the machines that will be removed anyway.
   */
  makeRoom(group: Demand, tasks: number): void {
    const memory = this.#memoryFor(group)
    let missing = tasks
    for (const capacity of this.#capacities.filter(
      (each) => each.isFull && each.startsFor(group),
    )) {
      const leaving = Math.min(missing, capacity.freeing)
      capacity.freeing -= leaving
      missing -= leaving
      const candidates = [
        ...this.#kept.filter(({ machine }) => !this.#awaited.has(machine.sandbox ?? '')),
        ...this.#fresh.filter(({ machine }) => !capacity.isBigEnough(machine, memory)),
      ].filter((each) => each.capacity === capacity)
      for (const candidate of inOrderOfLeaving(candidates)) {
        if (missing <= 0) return
        if (!this.#dismiss(candidate, 'A task of another sandbox needs its capacity')) continue
        capacity.freeing--
        missing--
      }
    }
  }

  #whyNot(group: Demand, capacities: PoolCapacity[]): string {
    if (capacities.length > 0) {
      const reasons = capacities.flatMap((capacity) => capacity.whyNot() ?? [])
      return [...new Set(reasons)].join('; ')
    }
    if (this.#others.some((each) => canOther(each, group))) return 'all builders are busy'
    const { arch, tags } = group
    if (arch !== null && !this.#capacities.some((capacity) => capacity.can({ arch, tags: [] })))
      return `no pool offers ${arch}`
    return `no single pool offers ${[...tags, ...(arch === null ? [] : [arch])].join(' and ')}`
  }

  /** Fills the warm pools. Dismisses surplus machines that no task needs; those that have been idle for longest are dismissed first. */
  fillWarmPools(): void {
    for (const capacity of this.#capacities) {
      const { config, name } = capacity.pool
      const spare = this.#fresh.filter((each) => each.capacity === capacity)
      const wanted = warmPoolSize(config, this.#now)
      for (let missing = wanted - spare.length; missing > 0; missing--) {
        const offering = capacity.start()
        if (!offering) break
        this.actions.push({ kind: 'create', pool: name, offering, why: 'warm pool' })
      }
      let surplus = spare.length - wanted
      for (const each of inOrderOfLeaving(spare)) {
        if (surplus <= 0) break
        const { state, released_at, enrolled_at } = each.machine
        const idle = secondsSince(released_at ?? enrolled_at, this.#now)
        if (state === 'ready' && idle < config.scale_in_delay) continue
        if (this.#dismiss(each, 'No task needs it')) surplus--
      }
    }
  }
}

function canOther({ arches, tags }: Observed['others'][number], wish: Wish): boolean {
  return (
    (wish.arch === null || arches.includes(wish.arch)) &&
    wish.tags.every((tag) => tags.includes(tag))
  )
}

const READINESS = ['ready', 'booting', 'launching', 'planned']

interface Candidate {
  readonly machine: ManagedMachine
  readonly capacity: PoolCapacity
}

function isBetter(one: Candidate, other: Candidate, wish: Wish): boolean {
  const readiness = ({ machine }: Candidate): number => READINESS.indexOf(machine.state)
  const difference = readiness(one) - readiness(other)
  if (difference !== 0) return difference < 0
  return one.capacity.score(wish) > other.capacity.score(wish)
}

/** Sorts by the score for the task's tags, then the pool's priority, then price, then load relative to weight. */
function inOrderOfPreference(capacities: PoolCapacity[], wish: Wish): PoolCapacity[] {
  return capacities.toSorted(
    (a, b) =>
      b.score(wish) - a.score(wish) ||
      b.pool.config.priority - a.pool.config.priority ||
      a.price - b.price ||
      a.load - b.load,
  )
}

/**
 * Sorts machines by the order of dismissal: first planned machines, which were not yet requested from the provider, then those that have
 * been idle for longest.
 */
function inOrderOfLeaving<T extends { machine: ManagedMachine }>(machines: T[]): T[] {
  const rank = ({ machine }: T): number =>
    machine.state === 'planned'
      ? -Infinity
      : (machine.released_at ?? machine.enrolled_at ?? machine.created_at).getTime()
  return machines.toSorted((a, b) => rank(a) - rank(b) || b.machine.id - a.machine.id)
}
