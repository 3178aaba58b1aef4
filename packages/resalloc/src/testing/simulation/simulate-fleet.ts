import { randomUUID } from 'node:crypto'
import type { TaskKind } from '@copr/contract/builder-protocol'
import { enrollMachine } from '@copr/domain/machines/machines'
import type { Machine } from '@copr/domain/states/machine-state'
import { managedMachines, type ManagedMachine } from '@copr/domain/machines/managed-machines'
import { costsOfMonth } from '@copr/domain/pools/costs'
import { type Claimant, claimTask } from '@copr/domain/queue/claim-task'
import { machinesWithWork } from '@copr/domain/queue/machines-with-work'
import { finishTask } from '@copr/domain/builds/task-outcomes'
import { addTasks } from '@copr/domain/testing/add-tasks'
import { silentLog } from '@copr/process/log'
import { stringify } from 'yaml'
import { type Manager, makeManager } from '../../manager/manager.ts'
import { fakeCloud } from '../fake-cloud.ts'
import type { FleetOutcome, FleetScenario, Sample } from './fleet-scenario.ts'
import { randomNumbers } from './random.ts'

const START = Date.UTC(2026, 10, 2)
const OFFERINGS = [
  { name: 'big', price_per_hour: 0.19 },
  { name: 'bigger', price_per_hour: 0.22 },
]
const FACULTIES = {
  kinds: ['source', 'rpm'] satisfies TaskKind[],
  arches: ['x86_64'],
  tags: [],
}
const BOOT_TIMEOUT = 300
const REUSE = 90

/**
 * Simulates a fleet with the real manager, the real code for claiming tasks and a real database; only the clouds and the clock are
 * simulated.
 */
export async function simulateFleet(scenario: FleetScenario): Promise<FleetOutcome> {
  const simulation = new Simulation(scenario)
  return await simulation.run()
}

class Simulation {
  readonly #scenario: FleetScenario
  readonly #random = randomNumbers(42)
  readonly #cloud: ReturnType<typeof fakeCloud>
  readonly #sampled: Sample[] = []
  readonly #waits: number[] = []
  readonly #burstWaits: number[] = []
  /** Machine → the second at which it enrolls; undefined if it never does. */
  readonly #boots = new Map<number, number | undefined>()
  readonly #ready = new Map<number, Claimant & { uses: number }>()
  readonly #work = new Map<number, { id: number; lease: string; ends: number; breaks: boolean }>()
  readonly #ended = new Map<number, number>()
  #seconds = 0
  #due = 0
  #queued = 0
  #interrupted = 0
  #restarts = 0
  #longest = 0
  #manager: Manager

  constructor(scenario: FleetScenario) {
    this.#scenario = scenario
    this.#cloud = fakeCloud({ now: () => this.#now(), offerings: OFFERINGS })
    this.#manager = this.#makeManager()
  }

  #now(): Date {
    return new Date(START + this.#seconds * 1000)
  }

  #makeManager(): Manager {
    const { db, machines } = this.#scenario
    const common = {
      cmd_new: 'new',
      cmd_delete: 'delete',
      arches: ['x86_64'],
      boot_timeout: BOOT_TIMEOUT,
      boot_failure_limit: 20,
      reuse_opportunity_time: REUSE,
      reuse_max_count: 8,
      reuse_max_time: 1800,
    }
    const share = (part: number): number => Math.round(machines * part)
    const pools = {
      reserved: { max: share(0.2), max_starting: 20, max_prealloc: share(0.1), priority: 20 },
      spot: { max: share(0.6), max_starting: 30, max_prealloc: share(0.02), priority: 10 },
      on_demand: { max: machines - share(0.2) - share(0.6), max_starting: 20, max_prealloc: 0 },
    }
    const text = stringify(
      Object.fromEntries(
        Object.entries(pools).map(([name, pool]) => [name, { ...common, ...pool }]),
      ),
    )
    return makeManager({
      db,
      holder: randomUUID(),
      installation_id: 'simulation',
      gateway_url: 'http://gateway.example',
      agent: async () => ({ sha256: 'a', node_sha256: {} }),
      makeProvider: (_config, context) => this.#cloud.provider(context),
      readPools: async () => text,
      limits: {},
      max_attempts: 5,
      now: () => this.#now(),
      log: silentLog(),
      wake: () => undefined,
    })
  }

  async run(): Promise<FleetOutcome> {
    const { hours, tick_seconds, restart_every_hours } = this.#scenario
    const end = hours * 3600
    let restart = restart_every_hours * 3600
    for (
      ;
      this.#seconds < end || this.#queued > 0 || this.#work.size > 0;
      this.#seconds += tick_seconds
    ) {
      if (this.#seconds > 3 * end) break
      if (this.#seconds < end) await this.#submit()
      await this.#endWork()
      await this.#boot()
      await this.#claim()
      if (this.#seconds >= restart) {
        // Kills the manager in the middle of a cycle; the next manager waits until the lease expires.
        void this.#manager.cycle().catch(() => undefined)
        this.#manager = this.#makeManager()
        this.#restarts++
        restart += restart_every_hours * 3600
      }
      await this.#manager.cycle()
      await this.#manager.settled()
      await this.#look()
    }
    // Gives the manager time to delete everything that is no longer needed.
    for (let i = 0; i < 120; i++, this.#seconds += tick_seconds) {
      await this.#boot()
      await this.#manager.cycle()
      await this.#manager.settled()
    }
    return await this.#outcome()
  }

  /** Submits builds: more by day than by night, and those of the burst all at once. */
  async #submit(): Promise<void> {
    const { db, builds, hours, owners, burst, tick_seconds } = this.#scenario
    const day = (this.#seconds / 3600 / hours) * 2 * Math.PI
    const usual = ((builds - burst.builds) / (hours * 3600)) * tick_seconds
    this.#due += usual * (1 - 0.6 * Math.cos(day))
    const byOwner = new Map<string, number>()
    for (; this.#due >= 1; this.#due--) {
      // A few owners submit most of the builds.
      const owner = `owner${Math.floor(owners * this.#random() ** 3)}`
      byOwner.set(owner, (byOwner.get(owner) ?? 0) + 1)
    }
    const burstAt = burst.at_hour * 3600
    if (this.#seconds <= burstAt && burstAt < this.#seconds + tick_seconds)
      byOwner.set('rebuilder', burst.builds)
    for (const [owner, count] of byOwner) {
      await addTasks(db, this.#now(), owner, count, { at: this.#now(), arch: 'x86_64' })
      this.#queued += count
    }
  }

  async #endWork(): Promise<void> {
    const due = [...this.#work].filter(([, { ends }]) => ends <= this.#seconds)
    for (const [machine_id, { breaks }] of due) {
      this.#work.delete(machine_id)
      if (breaks) this.#break(machine_id)
    }
    for (const some of chunks(due.filter(([, { breaks }]) => !breaks)))
      await Promise.all(some.map(([, task]) => this.#endTask(task)))
  }

  async #endTask({ id, lease }: { id: number; lease: string }): Promise<void> {
    const outcome = { kind: 'failed', reason: 'simulated' } as const
    if (await finishTask(this.#scenario.db, lease, outcome, this.#now()))
      this.#ended.set(id, (this.#ended.get(id) ?? 0) + 1)
  }

  #break(machine_id: number): void {
    const found = this.#cloud.machines().find((each) => each.machine_id === machine_id)
    this.#ready.delete(machine_id)
    if (!found) return
    this.#interrupted++
    this.#queued++
    this.#cloud.endMachine(found.provider_id, 'interrupted')
  }

  async #boot(): Promise<void> {
    const { db, boot_failures } = this.#scenario
    const running = this.#cloud.machines().filter(({ state }) => state === 'running')
    for (const { order } of running) {
      const { machine_id, boot } = order
      if (!this.#boots.has(machine_id)) {
        const fails = this.#random() < boot_failures
        const at = fails ? undefined : this.#seconds + 40 + 60 * this.#random()
        this.#boots.set(machine_id, at)
      }
      const at = this.#boots.get(machine_id)
      if (at === undefined || at > this.#seconds || this.#ready.has(machine_id)) continue
      this.#boots.set(machine_id, Infinity)
      const enrolled = await enrollMachine(db, {
        enroll_token: boot.enroll_token,
        name: boot.name,
        ...FACULTIES,
        now: this.#now(),
      })
      if (enrolled) this.#ready.set(machine_id, { ...FACULTIES, id: machine_id, uses: 0 })
    }
    const alive = new Set(running.map(({ machine_id }) => machine_id))
    for (const id of this.#ready.keys()) if (!alive.has(id)) this.#ready.delete(id)
    if (this.#ready.size > 0)
      await db
        .updateTable('machine')
        .set({ last_seen_at: this.#now() })
        .where('id', 'in', [...this.#ready.keys()])
        .execute()
    this.#cloud.forgetEnded(new Date(this.#now().getTime() - 3_600_000))
  }

  /** Has idle machines claim tasks as the gateway does: only machines for which there may be a task, and used machines first. */
  async #claim(): Promise<void> {
    if (this.#queued === 0) return
    const idle = [...this.#ready.values()].filter(({ id }) => !this.#work.has(id))
    const ids = idle.map(({ id }) => id)
    const found = new Set(await machinesWithWork(this.#scenario.db, ids, { now: this.#now() }))
    const asking = idle.filter(({ id }) => found.has(id)).toSorted((a, b) => b.uses - a.uses)
    for (const some of chunks(asking)) {
      if (this.#queued === 0) return
      const got = await Promise.all(some.map((machine) => this.#claimOne(machine)))
      if (some.some(({ uses }, at) => uses === 0 && got[at] === false)) return
    }
  }

  async #claimOne(machine: Claimant & { uses: number }): Promise<boolean> {
    const { db, mean_seconds, interruptions } = this.#scenario
    const lease = randomUUID()
    const task = await claimTask(db, machine, { lease, now: this.#now(), lease_seconds: 1e6 })
    if (!task) return false
    machine.uses++
    this.#queued--
    // To order the queue, addTasks() adds the build ID, as milliseconds, to `queued_at`; that offset is subtracted here.
    const queued = task.queued_at.getTime() - task.build_id
    const waited = (this.#now().getTime() - queued) / 1000
    if (task.attempts === 1)
      (task.ownername === 'rebuilder' ? this.#burstWaits : this.#waits).push(waited)
    // Exponentially distributed: most builds are short, a few take long.
    const takes = -Math.log(1 - this.#random()) * mean_seconds
    const breaks = this.#random() < interruptions
    const ends = this.#seconds + (breaks ? takes * this.#random() : takes)
    this.#work.set(machine.id, { id: task.id, lease, ends, breaks })
    return true
  }

  async #look(): Promise<void> {
    const { onHour, tick_seconds } = this.#scenario
    if (this.#seconds % 300 < tick_seconds) {
      const machines = this.#cloud.machines().filter(({ state }) => state !== 'ended').length
      const { size } = this.#work
      this.#sampled.push({ seconds: this.#seconds, waiting: this.#queued, running: size, machines })
    }
    if (this.#seconds % 3600 < tick_seconds) onHour?.(this.#seconds / 3600, this.#sampled.at(-1))
  }

  async #outcome(): Promise<FleetOutcome> {
    const { db } = this.#scenario
    const rows = await db.selectFrom('machine').selectAll().execute()
    for (const row of rows) this.#longest = Math.max(this.#longest, leftover(row))
    const living = new Set((await managedMachines(db)).map(({ id }: ManagedMachine) => id))
    const existing = this.#cloud.machines().filter(({ state }) => state !== 'ended')
    const open = await db
      .selectFrom('task')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('state', '<>', 'done')
      .executeTakeFirstOrThrow()
    return {
      samples: this.#sampled,
      waits: this.#waits,
      burst_waits: this.#burstWaits,
      builds: this.#ended.size,
      unfinished: open.count,
      doubled: [...this.#ended.values()].filter((times) => times !== 1).length,
      machines_made: rows.filter(({ provider_id }) => provider_id !== null).length,
      interrupted: this.#interrupted,
      boot_failed: rows.filter(({ failure_class }) => failure_class === 'boot').length,
      restarts: this.#restarts,
      longest_leftover_seconds: this.#longest,
      orphans: existing.filter(({ machine_id }) => !living.has(machine_id ?? 0)).length,
      cost: await costsOfMonth(db, this.#now()),
    }
  }
}

/** Splits a list into chunks of eight, which is how many database queries run concurrently. */
function chunks<T>(all: T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / 8) }, (_, at) => all.slice(at * 8, at * 8 + 8))
}

/**
 * Returns for how many seconds an ended machine existed after it was needed: after its last task and the wait for reuse, after it began to
 * be drained or deleted, or, if it never enrolled, after its boot timeout.
 */
function leftover(row: Machine): number {
  if (!row.gone_at || !row.launching_at) return 0
  const started = row.launching_at.getTime()
  const purpose = row.enrolled_at
    ? row.uses > 0 && row.released_at
      ? row.released_at.getTime() + REUSE * 1000
      : (row.draining_at ?? row.deleting_at ?? row.gone_at).getTime()
    : started + BOOT_TIMEOUT * 1000
  return Math.max(0, (row.gone_at.getTime() - purpose) / 1000)
}
