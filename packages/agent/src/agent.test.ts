import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { SourceTask } from '@copr/contract/builder-protocol'
import { silentLog } from '@copr/process/log'
import { type AgentOptions, runAgent } from './agent.ts'
import { FAKE_ENROLL_TOKEN, FakeGateway, type FakeGatewayOptions } from './testing/fake-gateway.ts'
import { GatewayError } from './gateway-client.ts'
import { INTERRUPTED, type TaskContext, type TaskHandler } from './handler.ts'
import { MachineFault } from './machine-fault.ts'

const succeeded = { outcome: 'succeeded' as const, files: [] }

async function start(
  t: TestContext,
  handlers: TaskHandler,
  options: FakeGatewayOptions & Partial<AgentOptions> = {},
) {
  const gateway = await new FakeGateway(options).listen()
  const stop = new AbortController()
  const ended = runAgent({
    gateway_url: gateway.url,
    enroll_token: FAKE_ENROLL_TOKEN,
    name: 'builder-1',
    kinds: ['source'],
    arches: ['x86_64'],
    handlers,
    log: silentLog(),
    stop: stop.signal,
    ...options,
  })
  ended.catch(() => undefined)
  t.after(async () => {
    stop.abort()
    await ended.catch(() => undefined)
    await gateway[Symbol.asyncDispose]()
  })
  return { gateway, stop, ended }
}

function sourceTask(task_id = '12'): SourceTask {
  return {
    kind: 'source',
    task_id,
    build_id: 12,
    owner: 'jane',
    project: 'tools',
    dirname: 'tools',
    sandbox: 'jane/tools--jane',
    submitter: 'jane',
    timeout_seconds: 60,
    source: { type: 'link', url: 'http://localhost/a.src.rpm' },
    limits: { max_log_bytes: 1_000_000, max_disk_bytes: 1_000_000, max_srpm_bytes: 1e6 },
  }
}

/** Waits until the task's signal aborts; returns the reason. */
async function aborted({ signal }: TaskContext): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort')
  return signal.reason
}

async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-agent-'))
  t.after(() => rm(dir, { recursive: true }))
  return dir
}

test('runAgent() enrolls, runs a task, and streams its log, phase and files', async (t) => {
  const dir = await tempDir(t)
  const result = randomBytes(3_000_000)
  await writeFile(join(dir, 'result'), result)
  await writeFile(join(dir, 'empty'), '')
  const { gateway } = await start(t, async (_task, context) => {
    context.phase('working')
    context.writeLog('hello ')
    context.writeLog(Buffer.from('world\n'))
    await gateway.until(
      '12',
      () => gateway.log('12') === 'hello world\n' && gateway.phases('12').includes('working'),
    )
    context.writeLog('aside\n', 'other.log')
    const files = [
      await context.upload(join(dir, 'result'), 'a.src.rpm'),
      await context.upload(join(dir, 'empty'), 'success'),
    ]
    context.writeLog('bye\n')
    return { outcome: 'succeeded', files, seconds: { work: 0.1 } }
  })
  gateway.push(sourceTask())
  const outcome = await gateway.finished('12')
  assert.equal(outcome.outcome, 'succeeded')
  assert.deepEqual(gateway.files('12').get('a.src.rpm'), result)
  assert.deepEqual(gateway.files('12').get('success'), Buffer.alloc(0))
  assert.equal(gateway.log('12'), 'hello world\nbye\n')
  assert.equal(gateway.log('12', 'other.log'), 'aside\n')
  assert.deepEqual(gateway.enrolled?.kinds, ['source'])
})

test('runAgent() stores the SRPM of an import', async (t) => {
  const dir = await tempDir(t)
  const srpm = randomBytes(100_000)
  const { gateway } = await start(
    t,
    async (_task, context) => {
      await context.fetchSrpm(join(dir, 'a.src.rpm'))
      return succeeded
    },
    { srpm },
  )
  gateway.push(sourceTask())
  await gateway.finished('12')
  assert.deepEqual(await readFile(join(dir, 'a.src.rpm')), srpm)
})

test('a task survives an outage of the gateway', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'result'), 'result')
  const { gateway } = await start(t, async (_task, context) => {
    context.writeLog('one\n')
    await context.flushLogs()
    await gateway.disconnect()
    context.writeLog('two\n')
    const uploads = Promise.all([
      context.upload(join(dir, 'result'), 'a.src.rpm'),
      context.flushLogs(),
    ])
    await gateway.listen()
    const [file] = await uploads
    return { outcome: 'succeeded', files: [file] }
  })
  gateway.push(sourceTask())
  assert.equal((await gateway.finished('12')).outcome, 'succeeded')
  assert.equal(gateway.log('12'), 'one\ntwo\n')
  assert.equal(gateway.files('12').get('a.src.rpm')?.toString(), 'result')
})

test('an upload resumes after the bytes that the gateway has already stored', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'result'), 'abcdef')
  let puts = 0
  const { gateway } = await start(t, async (_task, context) => {
    gateway.onPut = () => {
      if (puts++ === 0) gateway.files('12').set('a.src.rpm', Buffer.from('abc'))
    }
    return { outcome: 'succeeded', files: [await context.upload(join(dir, 'result'), 'a.src.rpm')] }
  })
  gateway.push(sourceTask())
  await gateway.finished('12')
  assert.equal(gateway.files('12').get('a.src.rpm')?.toString(), 'abcdef')
  assert.equal(puts, 2)
})

test('a request that fails on the gateway is retried', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'result'), 'abcdef')
  let puts = 0
  const { gateway } = await start(t, async (_task, context) => {
    gateway.onPut = () => {
      if (puts++ < 2) throw new Error('disk is asleep')
    }
    return { outcome: 'succeeded', files: [await context.upload(join(dir, 'result'), 'a.src.rpm')] }
  })
  gateway.push(sourceTask())
  assert.equal((await gateway.finished('12')).outcome, 'succeeded')
  assert.equal(puts, 3)
})

test('a task is canceled by the response to a heartbeat', async (t) => {
  const { gateway } = await start(t, async (_task, context) => {
    gateway.cancel('12')
    const reason = await aborted(context)
    context.writeLog(`aborted: ${String(reason)}\n`)
    return { outcome: 'failed', reason: 'killed', files: [] }
  })
  gateway.push(sourceTask())
  assert.deepEqual(await gateway.finished('12'), { outcome: 'canceled', files: [] })
  assert.equal(gateway.log('12'), 'aborted: canceled\n')
})

test('a lost lease aborts the task, and the agent claims the next one', async (t) => {
  const reasons: unknown[] = []
  const { gateway } = await start(t, async (task, context) => {
    if (task.task_id === '12') {
      gateway.takeLease('12')
      reasons.push(await aborted(context))
    }
    return succeeded
  })
  gateway.push(sourceTask('12'))
  gateway.push(sourceTask('13'))
  await gateway.finished('13')
  assert.deepEqual(reasons, ['lease_lost'])
})

test('a task loses its lease when the gateway is unreachable for longer than the lease lasts', async (t) => {
  const reason = Promise.withResolvers<unknown>()
  const { gateway } = await start(
    t,
    async (_task, context) => {
      await gateway.until('12', () => gateway.heartbeats > 0)
      await gateway.disconnect()
      reason.resolve(await aborted(context))
      return succeeded
    },
    { lease_seconds: 0.5 },
  )
  gateway.push(sourceTask())
  assert.equal(await reason.promise, 'lease_lost')
})

test('stopping an agent requeues its task', async (t) => {
  const { gateway, stop, ended } = await start(t, async (_task, context) => {
    stop.abort()
    await aborted(context)
    throw new Error('killed')
  })
  gateway.push(sourceTask())
  assert.deepEqual(await gateway.finished('12'), {
    outcome: 'lost',
    cause: 'machine_lost',
    reason: 'The agent was stopped',
  })
  await ended
})

test('a task whose handler throws an error is requeued with the reason', async (t) => {
  const { gateway } = await start(t, () => Promise.reject(new Error('disk full')))
  gateway.push(sourceTask())
  assert.deepEqual(await gateway.finished('12'), {
    outcome: 'lost',
    cause: 'setup',
    reason: 'disk full',
  })
})

for (const [what, error, cause] of [
  ['a full disk', Object.assign(new Error('no space'), { code: 'ENOSPC' }), 'disk_full'],
  [
    'a full disk as the cause of another error',
    new Error('Cannot copy', { cause: Object.assign(new Error('no space'), { code: 'ENOSPC' }) }),
    'disk_full',
  ],
  ['the cause of a MachineFault', new MachineFault('out_of_memory', 'too little'), 'out_of_memory'],
] as const)
  test(`a requeued task has a cause: ${what}`, async (t) => {
    const { gateway } = await start(t, () => Promise.reject(error))
    gateway.push(sourceTask())
    const outcome = await gateway.finished('12')
    assert.equal('cause' in outcome && outcome.cause, cause)
  })

test('an interrupted machine requeues its task at once, signs off, and claims no other task', async (t) => {
  const { gateway, stop, ended } = await start(t, async (_task, context) => {
    stop.abort(INTERRUPTED)
    await aborted(context)
    throw new Error('killed')
  })
  gateway.push(sourceTask())
  const outcome = await gateway.finished('12')
  assert.equal('cause' in outcome && outcome.cause, 'interrupted')
  await ended
  assert.equal(gateway.goodbye?.cause, 'interrupted')
})

test('a machine that cannot be cleaned reports the outcome of its task, signs off, and stops', async (t) => {
  const { gateway, ended } = await start(t, async (_task, context) => {
    context.markUnclean('Cannot unmount')
    return succeeded
  })
  gateway.push(sourceTask())
  assert.equal((await gateway.finished('12')).outcome, 'succeeded')
  await assert.rejects(ended, /Cannot unmount/)
  assert.deepEqual(gateway.goodbye, { cause: 'cannot_clean', reason: 'Cannot unmount' })
})

test('a machine whose self-test has failed gets no task', async (t) => {
  const self_test = {
    faults: [{ kind: 'disk' as const, message: 'Only 3 MB are free' }],
    cpus: 2,
    memory_mb: 4096,
    swap_mb: 0,
    disk_mb: 3,
  }
  const { gateway, ended } = await start(t, async () => succeeded, { self_test })
  await assert.rejects(ended, /self-test/)
  assert.deepEqual(gateway.enrolled?.self_test, self_test)
})

test('a task whose outcome the gateway refuses is requeued', async (t) => {
  const { gateway } = await start(t, () =>
    Promise.resolve({
      outcome: 'succeeded',
      files: [{ name: 'a', size: 1, sha256: 'a'.repeat(64) }],
    }),
  )
  gateway.push(sourceTask())
  const outcome = await gateway.finished('12')
  assert.equal(outcome.outcome, 'lost')
})

test('runAgent() runs up to `concurrency` tasks at a time', async (t) => {
  const both = Promise.withResolvers<void>()
  let running = 0
  const { gateway } = await start(
    t,
    async () => {
      if (++running === 2) both.resolve()
      await both.promise
      return succeeded
    },
    { concurrency: 2 },
  )
  gateway.push(sourceTask('12'))
  gateway.push(sourceTask('13'))
  await Promise.all([gateway.finished('12'), gateway.finished('13')])
})

test('runAgent() fails when the gateway no longer knows its session', async (t) => {
  const { gateway, ended } = await start(t, () => Promise.resolve(succeeded))
  gateway.push(sourceTask())
  await gateway.finished('12')
  gateway.forgetSession()
  await assert.rejects(
    ended,
    (error) => error instanceof GatewayError && error.kind === 'session_lost',
  )
})

test('runAgent() fails when the enrollment token is wrong', async (t) => {
  const { ended } = await start(t, () => Promise.resolve(succeeded), {
    enroll_token: 'some-other-token-123',
  })
  await assert.rejects(
    ended,
    (error) => error instanceof GatewayError && error.kind === 'session_lost',
  )
})
