import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { BuildEvent } from '@copr/contract/events'
import { COMMAND } from '@copr/domain/audit/actor'
import type { Db } from '@copr/domain/database/open'
import { claimTask } from '@copr/domain/queue/claim-task'
import { finishTask } from '@copr/domain/builds/task-outcomes'
import { addTasks } from '@copr/domain/testing/add-tasks'
import { fixtures } from '@copr/domain/testing/fixtures'
import {
  addWebhook,
  editWebhook,
  listWebhooks,
  replaceWebhookSecret,
  testWebhook,
  webhookContext,
} from '@copr/domain/outgoing-webhooks/project-webhooks'
import { listDeliveries, resendDelivery } from '@copr/domain/outgoing-webhooks/webhook-deliveries'
import { silentLog } from '@copr/process/log'
import { type WebhookReceiver, webhookReceiver } from '@copr/testkit/events/webhook-receiver'
import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import { serveQueues } from './serve-queue.ts'
import { webhookChannel } from './webhook-channel.ts'

const START = new Date('2026-11-22T12:00:00Z')
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const OTHER_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`

/** A project with a webhook to a receiver on this machine, and a clock that the test sets. */
class Fixture implements AsyncDisposable {
  at = START
  readonly testDb: TestDb
  readonly receiver: WebhookReceiver
  readonly id: number
  readonly project: { id: number; ownername: string; name: string }
  readonly #stop = new AbortController()
  allow_private_urls: boolean | string[] = ['127.0.0.1/32']

  constructor(testDb: TestDb, receiver: WebhookReceiver, made: Pick<Fixture, 'id' | 'project'>) {
    this.testDb = testDb
    this.receiver = receiver
    this.id = made.id
    this.project = made.project
  }

  static async start(
    events: BuildEvent[] = ['source.started', 'source.finished'],
  ): Promise<Fixture> {
    const testDb = await openTestDb()
    const { db } = testDb
    const receiver = await webhookReceiver()
    await addTasks(db, START, 'dana', 1)
    const project = await db.selectFrom('project').selectAll().executeTakeFirstOrThrow()
    const webhook = { url: `${receiver.url}/hook`, events, sealed_secret: sealed(SECRET) }
    const id = await addWebhook(db, COMMAND, { project, webhook, now: START })
    return new Fixture(testDb, receiver, { id, project })
  }

  get db(): Db {
    return this.testDb.db
  }

  now = (): Date => this.at

  later(seconds: number): void {
    this.at = new Date(this.at.getTime() + seconds * 1000)
  }

  /** Runs the source task of the project's first build; each further call creates another build in the project and runs its source task. */
  async runBuild(): Promise<void> {
    const { db, at: now } = this
    const waiting = await db.selectFrom('task').select('id').where('state', '=', 'queued').execute()
    if (waiting.length === 0) {
      await addTasks(db, now, 'dana', 1)
      await db.updateTable('build').set({ project_id: this.project.id }).execute()
    }
    const machine = { kinds: ['source'], arches: ['x86_64'], tags: [] }
    const { id } = await fixtures(db)
      .insertInto('machine')
      .values({
        ...machine,
        pool: 'p',
        name: 'm',
        state: 'ready',
        created_at: now,
        last_seen_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    const lease = `lease ${id}`
    assert.ok(await claimTask(db, { id, ...machine }, { lease, now, lease_seconds: 60 }))
    await finishTask(db, lease, { kind: 'failed', reason: 'test' }, now)
  }

  async deliver(): Promise<void> {
    const { allow_private_urls } = this
    const listen = { host: '0.0.0.0', port: 1 }
    const public_url = 'https://copr.example.org'
    const sender = {
      db: this.db,
      log: silentLog(),
      now: this.now,
      config: { public_url, listen, allow_private_urls },
      keygen: { open: unsealed },
    }
    await serveQueues(sender, webhookChannel(sender, this.#stop.signal), this.#stop.signal)
  }

  async log(): Promise<
    {
      event: string
      outcome: string | null
      attempts: number
      status: number | null
      answer: string | null
    }[]
  > {
    const rows = await listDeliveries(this.db, this.id, { limit: 99 })
    return rows.toReversed().map(({ event, outcome, attempts, status, answer }) => ({
      event,
      outcome,
      attempts,
      status,
      answer,
    }))
  }

  async webhook() {
    const [webhook] = await listWebhooks(this.db, this.project.id)
    assert.ok(webhook)
    return webhook
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.receiver[Symbol.asyncDispose]()
    await this.testDb[Symbol.asyncDispose]()
  }
}

/** A stub of keygen's sealing. */
const sealed = (secret: string): Buffer => Buffer.from(`sealed ${secret}`)
const unsealed = async (request: {
  purpose: string
  context: string
  sealed: Buffer
}): Promise<string> => {
  assert.equal(request.purpose, 'outgoing')
  assert.equal(request.context, webhookContext({ id: 1 }))
  return request.sealed.toString().replace('sealed ', '')
}

/** Computes the signature as Standard Webhooks defines it. */
function signature(secret: string, id: unknown, timestamp: unknown, body: string): string {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  return `v1,${createHmac('sha256', key)
    .update(`${String(id)}.${String(timestamp)}.${body}`)
    .digest('base64')}`
}

test('a webhook receives its events signed and in order, and the log shows the response', async () => {
  await using t = await Fixture.start()
  t.receiver.respond = () => ({ status: 200, body: ' thanks\n' })
  await t.runBuild()
  await t.deliver()
  const [started, finished] = t.receiver.received
  assert.ok(started && finished && t.receiver.received.length === 2)
  const { type, timestamp, data } = JSON.parse(finished.body)
  assert.deepEqual([JSON.parse(started.body).type, type], ['source.started', 'source.finished'])
  assert.equal(timestamp, START.toISOString())
  assert.equal(data.state, 'failed')
  assert.equal(data.url, 'https://copr.example.org/coprs/build/1')
  for (const { headers, body, path } of [started, finished]) {
    const { 'webhook-id': id, 'webhook-timestamp': time } = headers
    assert.equal(path, '/hook')
    assert.equal(time, String(START.getTime() / 1000))
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers['webhook-signature'], signature(SECRET, id, time, body))
  }
  assert.notEqual(started.headers['webhook-id'], finished.headers['webhook-id'])
  const delivered = { outcome: 'delivered', attempts: 1, status: 200, answer: '200: thanks' }
  assert.deepEqual(await t.log(), [
    { event: 'source.started', ...delivered },
    { event: 'source.finished', ...delivered },
  ])
})

test('while a receiver is down, deliveries are retried with backoff, and finally arrive in order, each with the id of its first attempt', async () => {
  await using t = await Fixture.start()
  const ids = new Set<unknown>()
  t.receiver.respond = ({ headers }) => {
    ids.add(headers['webhook-id'])
    return { status: 503, body: 'maintenance' }
  }
  await t.runBuild()
  await t.deliver()
  await t.deliver()
  assert.equal(t.receiver.received.length, 1, 'a second attempt before the backoff has passed')
  t.later(5)
  await t.receiver.close()
  await t.deliver()
  const [first, second] = await t.log()
  assert.match(first?.answer ?? '', /ECONNREFUSED/)
  assert.deepEqual([first?.attempts, first?.status, second?.attempts], [2, null, 0])
  assert.equal((await t.webhook()).waiting, 2)
  assert.deepEqual((await t.webhook()).failing_since, START)
  await t.receiver.open()
  t.receiver.respond = () => ({ status: 204 })
  t.later(10)
  await t.deliver()
  const types = t.receiver.received.map(({ body }) => JSON.parse(body).type)
  assert.deepEqual(types, ['source.started', 'source.started', 'source.finished'])
  assert.ok(ids.has(t.receiver.received[1]?.headers['webhook-id']))
  const { failing_since, waiting, last_error } = await t.webhook()
  assert.deepEqual(
    { failing_since, waiting, last_error },
    { failing_since: null, waiting: 0, last_error: null },
  )
})

test('an event that the receiver refuses does not delay the events of other builds, and is given up after three days', async () => {
  await using t = await Fixture.start()
  t.receiver.respond = ({ body }) =>
    JSON.parse(body).data.build_id === 1 ? { status: 400, body: 'no' } : { status: 204 }
  await t.runBuild()
  await t.deliver()
  await t.runBuild()
  await t.deliver()
  assert.deepEqual(
    (await t.log()).map(({ outcome, attempts }) => [outcome, attempts]),
    [
      [null, 1],
      [null, 0],
      ['delivered', 1],
      ['delivered', 1],
    ],
  )
  t.later(10)
  await t.deliver()
  assert.equal((await t.log())[0]?.attempts, 2)
  t.later(3 * 86_400 + 1)
  await t.deliver()
  assert.deepEqual(
    (await t.log()).map(({ outcome }) => outcome),
    ['failed', 'failed', 'delivered', 'delivered'],
  )
})

test('a webhook is disabled with the reason if its receiver accepts nothing for five days, whichever error status it returns', async () => {
  for (const status of [404, 500]) {
    await using t = await Fixture.start()
    t.receiver.respond = () => ({ status, body: 'nothing here' })
    await t.runBuild()
    await t.deliver()
    t.later(5 * 86_400 + 1)
    await t.deliver()
    const { disabled_reason, disabled_at, waiting } = await t.webhook()
    assert.equal(
      disabled_reason,
      `Nothing was accepted for 5 days. The last attempt: ${status}: nothing here`,
    )
    assert.deepEqual([disabled_at, waiting], [t.at, 0])
    const count = t.receiver.received.length
    await t.runBuild()
    await t.deliver()
    assert.equal(t.receiver.received.length, count)
    const entry = await t.db
      .selectFrom('audit_log')
      .select(['actor', 'action'])
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow()
    assert.deepEqual(entry, { actor: 'system', action: 'outgoing_webhook.disable' })
    // Once the webhook is enabled again, deliveries resume at once.
    t.receiver.respond = () => ({ status: 204 })
    await editWebhook(t.db, COMMAND, {
      project: t.project,
      id: t.id,
      change: { is_enabled: true },
      now: t.at,
    })
    await t.runBuild()
    await t.deliver()
    assert.equal((await t.webhook()).disabled_reason, null)
    assert.equal((await t.log()).at(-1)?.outcome, 'delivered')
  }
})

test('a response with status 410 Gone disables a webhook at once', async () => {
  await using t = await Fixture.start()
  t.receiver.respond = () => ({ status: 410 })
  await t.runBuild()
  await t.deliver()
  assert.equal(
    (await t.webhook()).disabled_reason,
    'The receiver answered 410 Gone: it wants no more events',
  )
})

test('redirects are not followed', async () => {
  await using t = await Fixture.start(['source.started'])
  t.receiver.respond = () => ({ status: 307, location: `${t.receiver.url}/other` })
  await t.runBuild()
  await t.deliver()
  assert.deepEqual(
    t.receiver.received.map(({ path }) => path),
    ['/hook'],
  )
  assert.match(
    (await t.log())[0]?.answer ?? '',
    /^307 \(redirects are not followed: enter the final URL\)/,
  )
})

test('webhooks are not sent to private addresses unless these are allowed', async () => {
  await using t = await Fixture.start(['source.started'])
  t.allow_private_urls = false
  await t.runBuild()
  await t.deliver()
  assert.deepEqual(t.receiver.received, [])
  assert.match(
    (await t.log())[0]?.answer ?? '',
    /resolves to a private address, which is not allowed$/,
  )
})

test('the delivery log keeps only the beginning of a response, without characters that the database cannot store', async () => {
  await using t = await Fixture.start(['source.started'])
  t.receiver.respond = () => ({ status: 400, body: `\0${'x'.repeat(1_000_000)}` })
  await t.runBuild()
  await t.deliver()
  assert.match((await t.log())[0]?.answer ?? '', /^400: x{995}$/)
})

test('for a day after a secret is replaced, deliveries are signed with both the old and the new secret', async () => {
  await using t = await Fixture.start()
  const sealed_secret = sealed(OTHER_SECRET)
  await replaceWebhookSecret(t.db, COMMAND, {
    project: t.project,
    id: t.id,
    sealed_secret,
    now: t.at,
  })
  await t.runBuild()
  await t.deliver()
  t.later(86_401)
  await t.runBuild()
  await t.deliver()
  const [{ headers, body } = assert.fail(), , last] = t.receiver.received
  const both = [OTHER_SECRET, SECRET].map((secret) =>
    signature(secret, headers['webhook-id'], headers['webhook-timestamp'], body),
  )
  assert.equal(headers['webhook-signature'], both.join(' '))
  assert.match(String(last?.headers['webhook-signature']), /^v1,\S+$/)
})

test('test deliveries and resent deliveries do not wait for events; a resent delivery has the id and body of the original', async () => {
  await using t = await Fixture.start(['source.started'])
  await t.runBuild()
  await t.deliver()
  const [{ id } = assert.fail()] = await listDeliveries(t.db, t.id, { limit: 1 })
  await resendDelivery(t.db, { project: t.project, delivery_id: id, now: t.at })
  await testWebhook(t.db, { project: t.project, id: t.id, now: t.at })
  await t.deliver()
  const [first, resent, tried] = t.receiver.received.map(({ headers, body }) => ({
    id: headers['webhook-id'],
    body: JSON.parse(body),
  }))
  assert.deepEqual(resent, first)
  assert.equal(tried?.body.type, 'webhook.test')
  await assert.rejects(
    resendDelivery(t.db, { project: { id: t.project.id + 1 }, delivery_id: id, now: t.at }),
    /There is no delivery with the ID/,
  )
})
