import { z } from 'zod'

const TagName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+:-]*$/)

/** A tag of a pool's machines. A pool's score for a task is the sum of the priorities of the tags that the task requests. */
const Tag = z
  .union([TagName, z.strictObject({ name: TagName, priority: z.number().int().default(0) })])
  .transform((tag) => (typeof tag === 'string' ? { name: tag, priority: 0 } : tag))

const seconds = z.number().min(0)

/** Hours at which the warm pool has another size: the first entry that covers the current time overrides `max_prealloc`. */
const Schedule = z.strictObject({
  days: z
    .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
    .nonempty()
    .optional(),
  /** UTC, `HH:MM`; if `to` is before `from`, it is on the next day. */
  from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
  to: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
  max_prealloc: z.number().int().min(0),
})

/**
 * Options that all pools have, whatever their provider. Those that also exist in the original resalloc have the same names and meanings, so
 * that its `pools.yaml` can be reused. Times are in seconds.
 */
export const COMMON_OPTIONS = {
  description: z.string().default(''),
  /** Maximum number of machines in any state except `gone`; 0 drains the pool. */
  max: z.number().int().min(0).default(4),
  /** Maximum number of machines that are starting and not ready yet. */
  max_starting: z.number().int().min(1).default(1),
  /** Size of the warm pool: the number of unused machines, idle or starting, to keep in addition to those that waiting tasks need. */
  max_prealloc: z.number().int().min(0).default(2),
  prealloc_schedule: z.array(Schedule).default([]),
  /** Minimum time between two starts of machines. */
  start_delay: seconds.default(0),
  /** Architectures that the machines build for; default: those of the `arch_…` tags. */
  arches: z.array(z.string()).nonempty().optional(),
  tags: z.array(Tag).default([]),
  /** If set, machines are started only for tasks that request one of these tags, and the pool keeps no warm machines. */
  tags_on_demand: z.array(Tag).default([]),
  /** How long a released machine waits for another task of its sandbox; 0 means that it is not reused. */
  reuse_opportunity_time: seconds.default(0),
  /** Maximum number of tasks of one machine; 0 means no limit. */
  reuse_max_count: z.number().int().min(0).default(0),
  /** How long a machine accepts more tasks, counted from its first task; 0 means no limit. */
  reuse_max_time: seconds.default(3600),
  livecheck_period: seconds.default(600),
  livecheck_attempts: z.number().int().min(1).default(3),
  /** Template of machine names, with the placeholders `{pool_name}`, `{id}` and `{datetime}`. */
  name_pattern: z.string().min(1).default('{pool_name}_{id}_{datetime}'),
  named_counters: z.array(z.string()).default([]),

  /** Pools with a higher priority are filled first; among pools with the same priority, the cheaper offering is chosen. */
  priority: z.number().int().default(0),
  /** Maximum time from when a machine is ordered until it enrolls; if a machine takes longer, its boot counts as failed. */
  boot_timeout: seconds.default(600),
  /** A ready machine counts as lost if nothing is received from it for this long. */
  silence_timeout: seconds.default(90),
  /** Maximum time since enrollment; an older machine finishes its current task and is removed. */
  max_lifetime: seconds.default(86_400),
  /** A warm machine that is unused for this long is replaced, so that new images are picked up. */
  max_idle_age: seconds.default(14_400),
  /** After this many failed boots in a row no machine is started for `boot_failure_hold` seconds. */
  boot_failure_limit: z.number().int().min(1).default(5),
  boot_failure_hold: seconds.default(600),
  /**
   * Budget in the site's currency. When the estimated cost of the pool in the current month reaches it, no machine is started until the
   * next month.
   */
  budget_per_month: z.number().positive().optional(),
  /** The pool's weight when machines are distributed among pools of the same priority and price. */
  weight: z.number().positive().default(1),
  /** How long a surplus machine must be idle before it is removed. The one that has been idle longest is removed first. */
  scale_in_delay: seconds.default(120),
  /**
   * Whether a machine, once used, runs only tasks with the same owner, project and submitter. Default: false for `local`, true for other
   * providers.
   */
  one_sandbox: z.boolean().optional(),
  /** Whether starting machines is suspended; running machines are not affected. */
  cordoned: z.boolean().default(false),
}
