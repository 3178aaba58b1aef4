import { createHash, randomUUID } from 'node:crypto'
import {
  ClaimRequest,
  EnrollRequest,
  FinishRequest,
  GoodbyeRequest,
  HeartbeatRequest,
  LEASE_HEADER,
  type Task,
} from '@copr/contract/builder-protocol'
import { type Context, Hono } from 'hono'
import { CoprError } from '@copr/process/errors'
import { Bell } from '@copr/process/every'
import { answerError, type RunningServer, serveHttp } from '@copr/process/http-server'
import { silentLog } from '@copr/process/log'

interface FakeTask {
  task: Task
  state: 'waiting' | 'leased' | 'finished'
  lease: string
  cancel: boolean
  phases: string[]
  logs: Map<string, Buffer>
  files: Map<string, Buffer>
  finished: PromiseWithResolvers<FinishRequest>
  changed: PromiseWithResolvers<void>
}

export interface FakeGatewayOptions {
  heartbeat_seconds?: number
  lease_seconds?: number
  /** The body of responses to `GET .../srpm`. */
  srpm?: Buffer
}

export const FAKE_ENROLL_TOKEN = 'enrollment-token-for-tests'

/**
 * The gateway's side of the builder protocol, for tests of agents: real HTTP on a free port, with all data in memory. It can be stopped and
 * started again on the same port, like a gateway that is restarted.
 */
export class FakeGateway implements AsyncDisposable {
  heartbeats = 0
  enrolled: EnrollRequest | undefined
  goodbye: GoodbyeRequest | undefined
  /** Called for each PUT before it is answered; if it throws, the PUT fails. */
  onPut: (where: string) => void = () => undefined
  #server: RunningServer | undefined
  #port = 0
  #session: string | undefined
  readonly #options: Required<FakeGatewayOptions>
  readonly #tasks = new Map<string, FakeTask>()
  readonly #bell = new Bell()
  readonly #app = this.#routes()

  constructor(options: FakeGatewayOptions = {}) {
    this.#options = { heartbeat_seconds: 0.2, lease_seconds: 30, srpm: Buffer.alloc(0), ...options }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async listen(): Promise<this> {
    this.#server = await serveHttp(this.#app, { host: '127.0.0.1', port: this.#port })
    this.#port = this.#server.port
    return this
  }

  /** Closes all connections, and refuses new ones until {@link listen} is called again. */
  async disconnect(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    this.#server = undefined
  }

  /** Makes the gateway forget the session, so that its token is unknown from now on. */
  forgetSession(): void {
    this.#session = undefined
    this.#bell.ring()
  }

  push(task: Task): void {
    this.#tasks.set(task.task_id, {
      task,
      state: 'waiting',
      lease: '',
      cancel: false,
      phases: [],
      logs: new Map(),
      files: new Map(),
      finished: Promise.withResolvers(),
      changed: Promise.withResolvers(),
    })
    this.#bell.ring()
  }

  cancel(task_id: string): void {
    this.#of(task_id).cancel = true
  }

  /** Gives the task to another machine. */
  takeLease(task_id: string): void {
    this.#of(task_id).lease = randomUUID()
  }

  finished(task_id: string): Promise<FinishRequest> {
    return this.#of(task_id).finished.promise
  }

  phases(task_id: string): string[] {
    return this.#of(task_id).phases
  }

  log(task_id: string, name = 'builder-live.log'): string {
    return this.#of(task_id).logs.get(name)?.toString() ?? ''
  }

  files(task_id: string): Map<string, Buffer> {
    return this.#of(task_id).files
  }

  /** Waits until `isTrue()` returns true; calls it after each report that the agent sends about the task. */
  async until(task_id: string, isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await this.#of(task_id).changed.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }

  #of(task_id: string): FakeTask {
    const task = this.#tasks.get(task_id)
    if (!task) throw new CoprError('not_found', `No task ${task_id}`)
    return task
  }

  /** Returns the task of a request; throws unless the request carries the task's lease. */
  #leased(c: Context): FakeTask {
    const task = this.#of(c.req.param('task_id') ?? '')
    if (task.lease !== c.req.header(LEASE_HEADER))
      throw new CoprError('conflict', 'This agent does not have the lease on the task')
    return task
  }

  #tell(task: FakeTask): void {
    task.changed.resolve()
    task.changed = Promise.withResolvers()
  }

  #routes(): Hono {
    const app = new Hono().basePath('/builder')
    app.onError(answerError(silentLog()))
    app.post('/enroll', async (c) => {
      const request = EnrollRequest.parse(await c.req.json())
      if (request.enroll_token !== FAKE_ENROLL_TOKEN || this.enrolled)
        throw new CoprError('unauthenticated', 'The enrollment token is invalid or already used')
      this.enrolled = request
      if (request.self_test && request.self_test.faults.length > 0)
        throw new CoprError('conflict', 'Cannot enroll: the self-test of the machine failed')
      this.#session = randomUUID()
      const { heartbeat_seconds } = this.#options
      return c.json({ machine_id: 1, session_token: this.#session, heartbeat_seconds })
    })
    app.use(async (c, next) => {
      if (!this.#session || c.req.header('authorization') !== `Bearer ${this.#session}`)
        throw new CoprError('unauthenticated', 'The session is unknown')
      await next()
    })
    app.post('/goodbye', async (c) => {
      this.goodbye = GoodbyeRequest.parse(await c.req.json())
      return c.body(null, 204)
    })
    app.post('/claim', async (c) => {
      const { wait_seconds } = ClaimRequest.parse(await c.req.json())
      const find = (): FakeTask | undefined =>
        [...this.#tasks.values()].find(({ state }) => state === 'waiting')
      if (!find()) await this.#bell.wait(wait_seconds * 1000, c.req.raw.signal)
      const next = find()
      if (!next) return c.body(null, 204)
      next.state = 'leased'
      next.lease = randomUUID()
      return c.json({ lease: next.lease, task: next.task })
    })
    app.post('/tasks/:task_id/heartbeat', async (c) => {
      this.heartbeats++
      const task = this.#leased(c)
      const { phase } = HeartbeatRequest.parse(await c.req.json())
      if (phase !== undefined && task.phases.at(-1) !== phase) task.phases.push(phase)
      this.#tell(task)
      return c.json({ cancel: task.cancel, lease_seconds: this.#options.lease_seconds })
    })
    const put = async (
      c: Context,
      where: (task: FakeTask) => Map<string, Buffer>,
      name: string,
    ) => {
      this.onPut(name)
      const task = this.#leased(c)
      const map = where(task)
      const have = map.get(name) ?? Buffer.alloc(0)
      if (Number(c.req.query('offset')) !== have.length) return c.json({ size: have.length }, 409)
      map.set(name, Buffer.concat([have, Buffer.from(await c.req.arrayBuffer())]))
      this.#tell(task)
      return c.json({ size: map.get(name)?.length })
    }
    app.put('/tasks/:task_id/log', (c) => put(c, (task) => task.logs, c.req.query('name') ?? ''))
    app.put('/tasks/:task_id/files/:name', (c) => put(c, (task) => task.files, c.req.param('name')))
    app.get('/tasks/:task_id/srpm', (c) => {
      this.#leased(c)
      return c.body(new Uint8Array(this.#options.srpm))
    })
    app.post('/tasks/:task_id/finish', async (c) => {
      const task = this.#leased(c)
      const outcome = FinishRequest.parse(await c.req.json())
      for (const file of 'files' in outcome ? outcome.files : []) {
        const sha256 = createHash('sha256')
          .update(task.files.get(file.name) ?? '')
          .digest('hex')
        if (sha256 !== file.sha256)
          throw new CoprError(
            'invalid',
            `SHA-256 mismatch of ${file.name}: expected ${file.sha256}, received ${sha256}`,
          )
      }
      task.state = 'finished'
      task.finished.resolve(outcome)
      this.#tell(task)
      return c.json({ accepted: true })
    })
    return app
  }
}
