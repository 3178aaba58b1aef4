import { z } from 'zod'

const TagName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+:-]*$/)

/** A tag of a pool's machines. A pool's score for a task is the sum of the priorities of the tags that the task requests. */
const Tag = z
  .union([TagName, z.strictObject({ name: TagName, priority: z.number().int().default(0) })])
  .transform((tag) => (typeof tag === 'string' ? { name: tag, priority: 0 } : tag))

const seconds = z.number().min(0)

/** A different size of the warm pool at certain hours: the first entry that covers the current time overrides `max_prealloc`. */
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
 * Options of every pool, for all providers. Those that the original resalloc has keep its names and meanings, so that its
 * `pools.yaml` can be reused. Times are in seconds.
 */
export const COMMON_OPTIONS = {
  description: z.string().default(''),
  /** Maximum number of machines in any state except `gone`; 0 drains the pool. */
  max: z.number().int().min(0).default(4),
  /** Maximum number of machines that are not ready yet. */
  max_starting: z.number().int().min(1).default(1),
  /** Size of the warm pool: unused machines, idle or starting, beyond those that waiting tasks need. */
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
  /** Maximum time after its first task during which a machine accepts further tasks; 0 means no limit. */
  reuse_max_time: seconds.default(3600),
  livecheck_period: seconds.default(600),
  livecheck_attempts: z.number().int().min(1).default(3),
  /** Template of machine names; `{pool_name}`, `{id}` and `{datetime}` are replaced. */
  name_pattern: z.string().min(1).default('{pool_name}_{id}_{datetime}'),
  named_counters: z.array(z.string()).default([]),

  /** Pools with a higher priority are filled first; among equals, the cheaper offering wins. */
  priority: z.number().int().default(0),
  /** Maximum time from ordering a machine to its enrollment; a machine that takes longer counts as failed to boot. */
  boot_timeout: seconds.default(600),
  /** A ready machine from which nothing is received for this long counts as lost. */
  silence_timeout: seconds.default(90),
  /** Maximum time since enrollment; an older machine finishes its current task and is removed. */
  max_lifetime: seconds.default(86_400),
  /** A warm machine that is unused for this long is replaced, so that new images are picked up. */
  max_idle_age: seconds.default(14_400),
  /** After this many failed boots in a row no machine is started for `boot_failure_hold` seconds. */
  boot_failure_limit: z.number().int().min(1).default(5),
  boot_failure_hold: seconds.default(600),
  /** Budget in the site's currency. When the pool's estimated cost of a month reaches it, no machine is started until the next month. */
  budget_per_month: z.number().positive().optional(),
  /** The pool's share of the machines among pools of the same priority and price. */
  weight: z.number().positive().default(1),
  /** How long surplus machines must be idle before they are removed, the longest idle first. */
  scale_in_delay: seconds.default(120),
  /** Whether a used machine runs only tasks of the same owner, project and submitter. Default: true; for `local`, false. */
  one_sandbox: z.boolean().optional(),
  /** Whether starting machines is suspended; running machines are not affected. */
  cordoned: z.boolean().default(false),
}
