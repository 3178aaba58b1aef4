import type { OfferingRow } from '@copr/domain/pools/offerings'
import type { Pool } from '@copr/domain/pools/pools'
import type { ManagedMachine } from '@copr/domain/machines/managed-machines'
import type { Offering } from '../providers/provider.ts'
import { type DesiredPool, type Observed, secondsSince } from './plan-types.ts'
import { whyNoStarts } from './plan-life.ts'

/** The requirements of a task for its machine. */
export interface Wish {
  readonly arch: string | null
  readonly tags: readonly string[]
}

/** A pool with the counts of its machines, updated as the plan progresses. */
export class PoolCapacity {
  readonly pool: DesiredPool
  readonly row: Pool
  /** Machines in any state except `gone`. */
  living: number
  starting: number
  /** Machines that will be removed regardless of demand. */
  freeing: number
  readonly #offerings: Offering[]
  readonly #blocked: string | undefined
  readonly #tags: Set<string>
  readonly #priorities: Map<string, number>
  #started = 0

  constructor(
    pool: DesiredPool,
    row: Pool,
    machines: readonly ManagedMachine[],
    observed: Observed,
    now: Date,
  ) {
    this.pool = pool
    this.row = row
    this.living = machines.length
    this.starting = machines.filter(({ state }) =>
      ['planned', 'launching', 'booting'].includes(state),
    ).length
    this.freeing = machines.filter(
      ({ state, task_id }) => state === 'deleting' || (state === 'draining' && task_id === null),
    ).length
    this.#blocked = blockedBy(pool, row, observed, now)
    this.#offerings = availableOfferings(pool.offerings, observed.offerings, pool.name, now)
    const tags = [...pool.config.tags, ...pool.config.tags_on_demand]
    this.#tags = new Set(tags.map((tag) => tag.name))
    this.#priorities = new Map(tags.map((tag) => [tag.name, tag.priority]))
  }

  can({ arch, tags }: Wish): boolean {
    return (
      (arch === null || this.pool.arches.includes(arch)) && tags.every((tag) => this.#tags.has(tag))
    )
  }

  /** Whether the pool starts machines for the task: on-demand pools do so only for tasks that request their tags. */
  startsFor(wish: Wish): boolean {
    const { tags_on_demand } = this.pool.config
    return (
      this.can(wish) &&
      (tags_on_demand.length === 0 || tags_on_demand.some(({ name }) => wish.tags.includes(name)))
    )
  }

  /** Sums the priorities of the tags that the task requests, including the tag for its architecture. A higher sum is better. */
  score({ arch, tags }: Wish): number {
    const asked = arch === null ? [...tags, 'arch_noarch'] : [...tags, `arch_${arch}`]
    return [...new Set(asked)].reduce((sum, tag) => sum + (this.#priorities.get(tag) ?? 0), 0)
  }

  get price(): number {
    return this.#offerings[0]?.price_per_hour ?? Infinity
  }

  /** Number of machines relative to the pool's weight. */
  get load(): number {
    return this.living / this.pool.config.weight
  }

  get isFull(): boolean {
    return this.living >= this.pool.config.max
  }

  /** Returns why no machine can be started now; undefined if one can. */
  whyNot(): string | undefined {
    const { name, config } = this.pool
    if (this.#blocked) return `pool ${name} ${this.#blocked}`
    if (this.isFull) return `pool ${name} is at its limit of ${config.max} machines`
    if (this.#offerings.length === 0) return `pool ${name} has no capacity at the moment`
    if (this.starting >= config.max_starting)
      return `pool ${name} starts only ${config.max_starting} machines at a time`
    if (config.start_delay > 0 && this.#started > 0)
      return `pool ${name} waits ${config.start_delay} seconds between two starts`
    return undefined
  }

  /** Whether the pool has offerings with at least this much memory. */
  offers(min_memory_mb: number): boolean {
    return this.pool.offerings.some(({ memory_mb }) => (memory_mb ?? 0) >= min_memory_mb)
  }

  /** Whether the machine has at least this much memory. A task that ran out of memory needs more than its last machine had. */
  isBigEnough({ memory_mb, offering }: ManagedMachine, min_memory_mb: number): boolean {
    const offered = this.pool.offerings.find(({ name }) => name === offering)?.memory_mb
    return (memory_mb ?? offered ?? Infinity) >= min_memory_mb
  }

  /** Reserves capacity for a new machine; returns its offering, or undefined if none can be started. */
  start(min_memory_mb = 0): Offering | undefined {
    const offering = this.#offerings.find(
      ({ memory_mb }) => (memory_mb ?? Infinity) >= min_memory_mb,
    )
    if (!offering || this.whyNot()) return undefined
    this.living++
    this.starting++
    this.#started++
    return offering
  }
}

function blockedBy(
  pool: DesiredPool,
  row: Pool,
  observed: Observed,
  now: Date,
): string | undefined {
  const { budget_per_month, start_delay } = pool.config
  const why = whyNoStarts(row, now)
  if (why) return why
  if (row.throttled_until && row.throttled_until > now) return 'is throttled by its cloud provider'
  if (budget_per_month !== undefined && (observed.costs.get(pool.name) ?? 0) >= budget_per_month)
    return `has spent this month's budget of ${budget_per_month}`
  if (secondsSince(row.last_start_at, now) < start_delay)
    return `waits ${start_delay} seconds between two starts`
  return undefined
}

/** Returns the pool's offerings that are available now, the cheapest first. */
export function availableOfferings(
  offerings: readonly Offering[],
  rows: readonly OfferingRow[],
  pool: string,
  now: Date,
): Offering[] {
  const unavailable = new Set(
    rows
      .filter((row) => row.pool === pool && row.unavailable_until && row.unavailable_until > now)
      .map((row) => row.name),
  )
  return offerings
    .filter(({ name }) => !unavailable.has(name))
    .toSorted((a, b) => a.price_per_hour - b.price_per_hour)
}
