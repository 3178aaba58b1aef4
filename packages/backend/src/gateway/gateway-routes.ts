import {
  ClaimRequest,
  EnrollRequest,
  FinishRequest,
  GoodbyeRequest,
  HeartbeatRequest,
  LEASE_HEADER,
  type SelfTest,
} from '@copr/contract/builder-protocol'
import { machineSaysGoodbye, refuseMachine } from '@copr/domain/machines/machine-faults'
import { enrollMachine, machineOfSession, mayHaveTask } from '@copr/domain/machines/machines'
import type { Machine } from '@copr/domain/states/machine-state'
import { renewLease, type TaskRow } from '@copr/domain/queue/leases'
import { locationOfTask, taskOfRequest } from '@copr/domain/queue/task-context'
import { srpmLimits } from '@copr/domain/quotas/quota-limits'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import { resultsOf } from '../build-location.ts'
import type { ResultsPath } from '../store/paths.ts'
import type { Backend } from '../context.ts'
import { checkedFileName } from '../store/paths.ts'
import { agentRoutes } from './agent-routes.ts'
import { claims } from './claim.ts'
import { finishTask } from './finish.ts'
import { sendSrpm } from './send-srpm.ts'

type Env = { Variables: { machine: Machine } }

/** Maximum size of a JSON body. A list of ten thousand files takes two megabytes. */
const MAX_JSON_BYTES = 8 * 1024 * 1024
/** Maximum size of an enrollment request, which is not authenticated. A self-test has at most 20 faults. */
const MAX_ENROLL_BYTES = 256 * 1024
/** Maximum number of leases whose results path is cached: more than any fleet has at a time. */
const MAX_PLACES = 10_000
const Offset = z.coerce.number().int().min(0)

/** Returns the routes of the protocol in `@copr/contract/builder-protocol`, under `/builder`. */
export function gatewayRoutes(backend: Backend): Hono<Env> {
  const { db, config, store, log, now } = backend
  const { heartbeat_seconds, lease_seconds, max_log_bytes } = config.limits
  const app = new Hono<Env>()
  const json = bodyLimit({ maxSize: MAX_JSON_BYTES })
  const claim = claims(backend)
  const places = new Map<string, ResultsPath>()

  app.post('/enroll', bodyLimit({ maxSize: MAX_ENROLL_BYTES }), async (c) => {
    const { self_test, ...request } = await bodyAs(c, EnrollRequest)
    if (self_test && self_test.faults.length > 0)
      throw await refusal(request.enroll_token, self_test.faults)
    const memory_mb = self_test?.memory_mb
    const machine = await enrollMachine(db, { ...request, memory_mb, now: now() })
    if (!machine)
      throw new CoprError('unauthenticated', 'Cannot enroll: the token is unknown or already used')
    return c.json({ ...machine, heartbeat_seconds })
  })

  // The agent is served without authentication, because a booting machine has nothing but its distribution yet.
  app.route('/agent', agentRoutes())

  app.use(async (c, next) => {
    const token = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1]
    const machine = token && (await machineOfSession(db, token, now()))
    if (!machine) throw new CoprError('unauthenticated', 'Unknown or expired session: enroll again')
    c.set('machine', machine)
    await next()
  })

  app.post('/goodbye', json, async (c) => {
    const request = await bodyAs(c, GoodbyeRequest)
    const machine = c.get('machine')
    log.warn({ machine: machine.name, ...request }, 'Machine accepts no further tasks')
    await machineSaysGoodbye(db, machine, request, now())
    return c.body(null, 204)
  })

  app.post('/claim', json, async (c) => {
    const { wait_seconds } = await bodyAs(c, ClaimRequest)
    const wait = { wait_ms: wait_seconds * 1000, gone: c.req.raw.signal }
    const answer = await claim(c.get('machine'), wait)
    return answer ? c.json(answer) : c.body(null, 204)
  })

  app.post('/tasks/:task_id/heartbeat', json, async (c) => {
    const { phase } = await bodyAs(c, HeartbeatRequest)
    const { lease } = await leasedTask(c)
    const renewed = await renewLease(db, { lease, phase, now: now(), lease_seconds })
    if (!renewed) throw leaseLost()
    return c.json({ cancel: renewed.cancel, lease_seconds })
  })

  app.put('/tasks/:task_id/log', async (c) => {
    const { task, lease } = await leasedTask(c)
    const name = logName(task.kind, c.req.query('name') ?? '')
    const request = shown(c)
    const isWanted = async (): Promise<boolean> =>
      (await taskOfRequest(db, request))?.lease === lease
    const limits = { offset: offsetOf(c), max_size: max_log_bytes, isWanted }
    const results = await placeOf(task, lease)
    const { at_offset, size } = await store.appendLog(results, name, c.req.raw.body, limits)
    return c.json({ size }, at_offset ? 200 : 409)
  })

  app.put('/tasks/:task_id/files/:name', async (c) => {
    const { task, lease } = await leasedTask(c)
    const max_total =
      task.kind === 'rpm'
        ? config.limits.max_result_bytes
        : (await srpmLimits(db, projectOf(task), config.limits)).upload_bytes
    const limits = { offset: offsetOf(c), max_total }
    const name = checkedFileName(c.req.param('name'))
    const key = { task: task.id, lease }
    const { at_offset, size } = await store.stage(key, name, c.req.raw.body, limits)
    return c.json({ size }, at_offset ? 200 : 409)
  })

  app.get('/tasks/:task_id/srpm', async (c) => sendSrpm(backend, (await leasedTask(c)).task))

  app.post('/tasks/:task_id/finish', json, async (c) => {
    const request = await bodyAs(c, FinishRequest)
    const { task_id, lease, machine_id } = shown(c)
    const task = await taskOfRequest(db, { task_id, lease, machine_id })
    if (!task || !mayHaveTask(c.get('machine'), task)) return c.json({ accepted: false })
    return c.json({ accepted: await finishTask(backend, task, lease, request) })
  })

  /**
   * Returns a task's results path. It is cached, because it stays the same during a lease, and a log may arrive in four requests per
   * second.
   */
  async function placeOf(task: TaskRow, lease: string): Promise<ResultsPath> {
    const known = places.get(lease)
    if (known !== undefined) return known
    const place = resultsOf(await locationOfTask(db, task))
    if (places.size >= MAX_PLACES) places.clear()
    places.set(lease, place)
    return place
  }

  async function refusal(enroll_token: string, faults: SelfTest['faults']): Promise<CoprError> {
    const machine = await refuseMachine(db, { enroll_token, faults, now: now() })
    if (!machine)
      return new CoprError('unauthenticated', 'Cannot enroll: the token is unknown or already used')
    log.warn({ machine: machine.name, faults }, 'Machine refused: its self-test failed')
    const why = faults.map(({ message }) => message).join('; ')
    return new CoprError('conflict', `Cannot enroll: the self-test failed: ${why}`)
  }

  function shown(c: Context<Env>): { task_id: string; lease: string; machine_id: number } {
    const lease = c.req.header(LEASE_HEADER)
    if (!lease) throw new CoprError('invalid', `Missing header: ${LEASE_HEADER}`)
    return { lease, task_id: c.req.param('task_id') ?? '', machine_id: c.get('machine').id }
  }

  /** Returns the task of a request; throws if this machine no longer has it. */
  async function leasedTask(c: Context<Env>): Promise<{ task: TaskRow; lease: string }> {
    const { lease, ...rest } = shown(c)
    const task = await taskOfRequest(db, { lease, ...rest })
    if (task?.state !== 'leased' || task.lease !== lease) throw leaseLost()
    if (!mayHaveTask(c.get('machine'), task)) throw leaseLost()
    return { task, lease }
  }

  return app
}

function projectOf({ project_id, ownername }: TaskRow): { id: number; ownername: string } {
  return { id: project_id, ownername }
}

/**
 * Returns the name of the file that a task's log is appended to: import.log for an import, builder-live.log for any other task. Agents
 * cannot write `backend.log`.
 */
function logName(kind: TaskRow['kind'], name: string): string {
  if (name !== 'builder-live.log' && name !== 'import.log')
    throw new CoprError(
      'invalid',
      `Cannot write the log ${JSON.stringify(name.slice(0, 100))}: its name must be "builder-live.log" or "import.log"`,
    )
  return kind === 'import' ? 'import.log' : 'builder-live.log'
}

function leaseLost(): CoprError {
  return new CoprError(
    'conflict',
    'Cannot continue: this machine does not have the lease on the task',
  )
}

function offsetOf(c: Context): number {
  const offset = Offset.safeParse(c.req.query('offset'))
  if (!offset.success) throw new CoprError('invalid', 'offset must be a number of bytes')
  return offset.data
}

async function bodyAs<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.output<Schema>> {
  const body: unknown = await c.req.json().catch((cause: unknown) => {
    throw new CoprError('invalid', 'Cannot read the request: the body is not valid JSON', { cause })
  })
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new CoprError('invalid', `Cannot accept the request: ${z.prettifyError(parsed.error)}`)
}
