import { randomUUID } from 'node:crypto'
import { enrollMachine, machineOfSession } from '@copr/domain/machines/machines'
import type { Machine } from '@copr/domain/states/machine-state'
import { type ManagedMachine, managedMachines } from '@copr/domain/machines/managed-machines'
import type { Db } from '@copr/domain/database/open'
import { claimTask } from '@copr/domain/queue/claim-task'
import type { RunningLimits } from '@copr/domain/queue/claim-conditions'
import type { TaskRow } from '@copr/domain/queue/leases'
import { finishTask } from '@copr/domain/builds/task-outcomes'
import { addTasks } from '@copr/domain/testing/add-tasks'
import { silentLog } from '@copr/process/log'
import { openTestDb } from '@copr/testkit/postgres'
import { stringify } from 'yaml'
import { type Manager, makeManager } from '../manager/manager.ts'
import type { FaultPoint, ManagerOptions } from '../manager/manager-options.ts'
import type { BootConfig, Offering, Provider } from '../providers/provider.ts'
import { fakeCloud, type FakeMachine } from './fake-cloud.ts'

const START = new Date('2026-11-22T12:00:00Z')
const COMMANDS = { cmd_new: 'new', cmd_delete: 'delete', arches: ['x86_64'] }

/** A fake cloud pool's configuration, in addition to the fixture's defaults. */
export type PoolOptions = Record<string, unknown>

interface FixtureOptions {
  offerings?: readonly Offering[]
  limits?: RunningLimits
  /** Overrides for the manager's options, for example to use another cloud. */
  manager?: Partial<ManagerOptions>
}

/** A database, a cloud, a clock, and managers that can be killed at any time. */
export class ManagerFixture implements AsyncDisposable {
  readonly db: Db
  readonly cloud: ReturnType<typeof fakeCloud>
  now: Date = START
  /** The contents of pools.yaml. */
  text = '{}'
  /** Pool → overrides for its provider. */
  readonly overrides = new Map<string, Partial<Provider>>()
  readonly #end: () => Promise<void>
  readonly #sessions = new Map<number, string>()
  readonly #limits: RunningLimits
  readonly #options: Partial<ManagerOptions>
  #manager: Manager

  private constructor(db: Db, end: () => Promise<void>, options: FixtureOptions) {
    const { offerings, limits = {}, manager = {} } = options
    this.db = db
    this.#end = end
    this.#limits = limits
    this.#options = manager
    this.cloud = fakeCloud({ now: () => this.now, ...(offerings ? { offerings } : {}) })
    this.#manager = this.makeManager()
  }

  static async open(options: FixtureOptions = {}): Promise<ManagerFixture> {
    const t = await openTestDb()
    return new ManagerFixture(t.db, async () => await t[Symbol.asyncDispose](), options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
  }

  /** Makes a manager as if in another process: it shares only the database and the cloud. */
  makeManager(options: Partial<ManagerOptions> = {}): Manager {
    return makeManager({
      db: this.db,
      holder: randomUUID(),
      installation_id: 'test',
      gateway_url: 'http://gateway.example',
      agent: async () => ({ sha256: 'a', node_sha256: {} }),
      makeProvider: (_config, context) => ({
        ...this.cloud.provider(context),
        ...this.overrides.get(context.pool),
      }),
      readPools: async () => this.text,
      limits: this.#limits,
      max_attempts: 5,
      now: () => this.now,
      log: silentLog(),
      wake: () => undefined,
      ...this.#options,
      ...options,
    })
  }

  pools(pools: Record<string, PoolOptions>): void {
    const full = Object.entries(pools).map(([name, pool]) => [
      name,
      { max_prealloc: 0, max_starting: 1000, ...COMMANDS, ...pool },
    ])
    this.text = stringify(Object.fromEntries(full))
  }

  later(seconds: number): void {
    this.now = new Date(this.now.getTime() + seconds * 1000)
  }

  async tasks(
    owner: string,
    count: number,
    task: Parameters<typeof addTasks>[4] = {},
  ): Promise<void> {
    await addTasks(this.db, this.now, owner, count, { at: this.now, ...task })
  }

  /** Runs cycles of the manager, and waits for all calls that each cycle has started. */
  async run(cycles = 1, seconds = 2): Promise<void> {
    for (let i = 0; i < cycles; i++) {
      await this.#manager.cycle()
      await this.#manager.settled()
      this.later(seconds)
    }
  }

  /** Advances the clock in steps; at each step, the living agents send heartbeats and the manager runs. */
  async pass(seconds: number, step = 20): Promise<void> {
    for (let left = seconds; left > 0; left -= step) {
      await this.heartbeats()
      await this.run(1, Math.min(step, left))
    }
  }

  /** Kills the manager at a fault point. The next manager starts when the lease of the killed one has expired. */
  async killManagerAt(point: FaultPoint): Promise<void> {
    const { promise: killed, resolve } = Promise.withResolvers<void>()
    // The previous manager's lease expires.
    this.later(30)
    const dead = this.makeManager({
      at: async (reached) => {
        if (reached !== point) return
        resolve()
        await new Promise(() => undefined)
      },
    })
    const work = async (): Promise<void> => {
      for (let i = 0; i < 6; i++) {
        await dead.cycle()
        await dead.settled()
        this.later(2)
      }
    }
    await Promise.race([killed, work()])
    this.later(30)
    this.#manager = this.makeManager()
  }

  async machines(): Promise<ManagedMachine[]> {
    return await managedMachines(this.db)
  }

  async states(): Promise<string[]> {
    return (await this.machines()).map(({ state }) => state)
  }

  async all(): Promise<Machine[]> {
    return await this.db.selectFrom('machine').selectAll().orderBy('id').execute()
  }

  /** The machines that have not ended and so still cost money. */
  existing(): FakeMachine[] {
    return this.cloud.machines().filter(({ state }) => state !== 'ended')
  }

  /** Enrolls every existing machine, as its agent would. */
  async enroll(): Promise<void> {
    for (const { order } of this.existing()) await this.enrollMachine(order.machine_id, order.boot)
  }

  async enrollMachine(
    machine_id: number,
    boot: Pick<BootConfig, 'enroll_token' | 'name' | 'arches' | 'tags'>,
  ): Promise<void> {
    if (this.#sessions.has(machine_id)) return
    const enrolled = await enrollMachine(this.db, {
      enroll_token: boot.enroll_token,
      name: boot.name,
      kinds: ['source', 'rpm'],
      arches: [...boot.arches],
      tags: [...boot.tags],
      now: this.now,
    })
    if (enrolled) this.#sessions.set(machine_id, enrolled.session_token)
  }

  /** Sends a heartbeat from every agent whose machine runs. */
  async heartbeats(): Promise<void> {
    for (const { machine_id } of this.existing())
      if (machine_id !== undefined) await this.session(machine_id)
  }

  async session(machine_id: number): Promise<Machine | undefined> {
    const token = this.#sessions.get(machine_id)
    return token === undefined ? undefined : await machineOfSession(this.db, token, this.now)
  }

  async claim(machine_id: number): Promise<TaskRow | undefined> {
    const machine = await this.session(machine_id)
    const options = { lease: randomUUID(), now: this.now, lease_seconds: 1e6, limits: this.#limits }
    return machine && (await claimTask(this.db, machine, options))
  }

  /** Has every ready machine claim a task. */
  async claimAll(): Promise<TaskRow[]> {
    const tasks: TaskRow[] = []
    for (const { id, state } of await this.machines()) {
      const task = state === 'ready' ? await this.claim(id) : undefined
      if (task) tasks.push(task)
    }
    return tasks
  }

  async finish(task: TaskRow): Promise<void> {
    await finishTask(this.db, task.lease ?? '', { kind: 'failed', reason: 'test' }, this.now)
  }

  /** Runs the manager until the machines for the waiting tasks are ready; returns them. */
  async ready(): Promise<ManagedMachine[]> {
    await this.run(2)
    await this.enroll()
    await this.run()
    return await this.machines()
  }
}
