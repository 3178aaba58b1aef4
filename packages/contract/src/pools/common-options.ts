import { z } from 'zod'

const TagName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+:-]*$/)

/** A tag that machines of a pool carry. The score of a pool for a task is the sum of the priorities of the tags that the task asks for. */
const Tag = z
  .union([TagName, z.strictObject({ name: TagName, priority: z.number().int().default(0) })])
  .transform((tag) => (typeof tag === 'string' ? { name: tag, priority: 0 } : tag))

const seconds = z.number().min(0)

/** More warm stock at certain hours: the first entry whose time it is wins over `max_prealloc`. */
const Schedule = z.strictObject({
  days: z
    .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
    .nonempty()
    .optional(),
  /** UTC, `HH:MM`; an end before the beginning is on the next day. */
  from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
  to: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
  max_prealloc: z.number().int().min(0),
})

/**
 * Options of every pool, whatever its machines are made of. Names and meanings are those of resalloc where it has them, so that
 * its `pools.yaml` can be reused; times are in seconds.
 */
export const COMMON_OPTIONS = {
  description: z.string().default(''),
  /** At most so many machines in any state but gone. 0 drains the pool. */
  max: z.number().int().min(0).default(4),
  /** At most so many of them not yet ready. */
  max_starting: z.number().int().min(1).default(1),
  /** Warm stock: so many idle machines that nobody has used yet, or on their way, beyond what waiting tasks need. */
  max_prealloc: z.number().int().min(0).default(2),
  prealloc_schedule: z.array(Schedule).default([]),
  /** Between two starts of the pool. */
  start_delay: seconds.default(0),
  /** Architectures that its machines build for; default: those of its `arch_…` tags. */
  arches: z.array(z.string()).nonempty().optional(),
  tags: z.array(Tag).default([]),
  /** Machines are started only for tasks that ask for one of these tags; such a pool keeps no stock. */
  tags_on_demand: z.array(Tag).default([]),
  /** A released machine waits so long for another task of its sandbox. 0: it is not used again. */
  reuse_opportunity_time: seconds.default(0),
  /** It does at most so many tasks; 0: any number. */
  reuse_max_count: z.number().int().min(0).default(0),
  /** It takes no further task so long after its first; 0: no limit. */
  reuse_max_time: seconds.default(3600),
  livecheck_period: seconds.default(600),
  livecheck_attempts: z.number().int().min(1).default(3),
  /** `{pool_name}`, `{id}` and `{datetime}` are filled in. */
  name_pattern: z.string().min(1).default('{pool_name}_{id}_{datetime}'),
  named_counters: z.array(z.string()).default([]),

  /** Pools with a higher one are filled first; among equals the cheaper offering. */
  priority: z.number().int().default(0),
  /** From the order to the enrolment: a machine that takes longer has failed to boot. */
  boot_timeout: seconds.default(600),
  /** A ready machine that sends no sign of life for so long is lost. */
  silence_timeout: seconds.default(90),
  /** No machine lives longer, but for the task that it is doing. */
  max_lifetime: seconds.default(86_400),
  /** Stock that nobody used for so long is replaced, so that new images get used. */
  max_idle_age: seconds.default(14_400),
  /** After so many failed boots in a row nothing is started for `boot_failure_hold`. */
  boot_failure_limit: z.number().int().min(1).default(5),
  boot_failure_hold: seconds.default(600),
  /** In the site's currency. Once the pool's estimated cost in a month reaches it, no machine is started until the next month. */
  budget_per_month: z.number().positive().optional(),
  /** Among pools of the same priority and price: its share of the machines. */
  weight: z.number().positive().default(1),
  /** Surplus of idle machines is kept for so long before it is removed, the longest idle first. */
  scale_in_delay: seconds.default(120),
  /** A used machine only does tasks of the same owner, project and submitter. Default: true, but false for `local`. */
  one_sandbox: z.boolean().optional(),
  /** Nothing is started here; what runs goes on. */
  cordoned: z.boolean().default(false),
}
