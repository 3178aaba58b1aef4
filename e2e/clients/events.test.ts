import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { deliverEvents } from '@copr/backend/events'
import { Amqp } from '@copr/contract/configuration/events-config'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { COMMAND } from '@copr/domain/audit/actor'
import { openDb } from '@copr/domain/database/open'
import { Notices } from '@copr/domain/database/notify'
import { outboxCounts } from '@copr/domain/outbox/queues'
import { addTasks } from '@copr/domain/testing/add-tasks'
import { EXPECTED_EVENTS, runFakeBuild } from '@copr/domain/testing/run-fake-build'
import { addWebhook } from '@copr/domain/outgoing-webhooks/project-webhooks'
import { runOrThrow } from '@copr/process/run'
import { silentLog } from '@copr/process/log'
import { pythonClients } from '@copr/testkit/clients/python-clients'
import {
  type BusListener,
  type BusListenerMessage,
  startBusListener,
} from '@copr/testkit/events/bus-listener'
import { type Rabbitmq, startRabbitmq, whyNoRabbitmq } from '@copr/testkit/events/rabbitmq'
import { smtpSink } from '@copr/testkit/events/smtp-sink'
import { type ReceivedRequest, webhookReceiver } from '@copr/testkit/events/webhook-receiver'
import { openTestDb } from '@copr/testkit/postgres'
import { anotherUser } from '@copr/testkit/system/build-summary'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { startSystem } from '@copr/testkit/system/start-system'
import { tinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'

const scriptAt = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const PREFIX = 'org.fedoraproject.test'
/**
 * How long the broker and the receiver are stopped: 30 seconds by default. For a longer drill, set OUTAGE_SECONDS in the environment, for
 * example to 300.
 */
const OUTAGE_MS = Number(process.env['OUTAGE_SECONDS'] ?? 30) * 1000
/** Builds that run at the same time under load. */
const CONCURRENT = 4
/** The pause after each of them: otherwise a fast machine makes more events than the listener can validate in time. */
const PAUSE_MS = 200
const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const path = process.env['PATH']

suite('events', { skip: whyNoRabbitmq(path) || whyNoSystem(path) }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-events-'))
  let python = ''
  let rabbitmq: Rabbitmq
  let listener: BusListener

  before(async () => {
    ;({ python } = await pythonClients())
    rabbitmq = await startRabbitmq()
    const script = scriptAt('bus-listener.py')
    listener = await startBusListener({ python, script, dir }, rabbitmq, `${PREFIX}.copr.#`)
  })
  after(async () => {
    await listener?.[Symbol.asyncDispose]()
    await rabbitmq?.[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  })

  const amqpOf = (): Amqp =>
    Amqp.parse({
      url: rabbitmq.url,
      ca_file: rabbitmq.ca_file,
      ...rabbitmq.certificateOf('copr'),
      topic_prefix: PREFIX,
    })

  /** Verifies the signatures of the requests with the Standard Webhooks library; returns the types of their events. */
  async function verified(requests: ReceivedRequest[], secret: string): Promise<string[]> {
    const input = JSON.stringify(requests.map(({ headers, body }) => [headers, body]))
    const args = [scriptAt('verify-webhooks.py'), secret]
    return JSON.parse(await runOrThrow(python, args, { input })) as string[]
  }

  test('a build is reported to the message bus and a webhook, and a role request and its decision are reported by mail', async () => {
    await using sink = await smtpSink()
    await using receiver = await webhookReceiver()
    using sources = tinySources()
    const mail = { url: sink.url, from: 'Copr <copr@example.org>', require_tls: false }
    await using system = await startSystem({ builders: 1, events: { amqp: amqpOf(), mail } })
    const { api } = system
    const kim = await anotherUser(system, 'kim')
    const owner = api.username
    await api.createProject('events')
    const hook = { url: `${receiver.url}/copr`, events: ['chroot.finished', 'build.finished'] }
    const { body: webhook } = await api.raw('POST', `outgoing-webhook/add/${owner}/events`, hook)
    const { id } = await api.uploadBuild('events', await sources.make({ name: 'telescope' }))
    await api.waitForBuild(id, 300_000)
    const found = (): BusListenerMessage[] => listener.messages.filter(({ build }) => build === id)
    await until(() => found().some(({ topic }) => topic.endsWith('.end')), {
      timeout_ms: 30_000,
      what: 'the messages of the build',
      seen: () => listener.log(),
    })
    const project = `${owner}/events`
    assert.deepEqual(
      found().map((message) => [message.topic, message.class, message.severity, message.chroot]),
      [
        [`${PREFIX}.copr.build.start`, 'BuildChrootStartedV1', 20, DISTRO_CHROOT],
        [`${PREFIX}.copr.chroot.start`, 'BuildChrootStartedV1DontUse', 10, DISTRO_CHROOT],
        [`${PREFIX}.copr.build.end`, 'BuildChrootEndedV1', 20, DISTRO_CHROOT],
      ],
    )
    const [start, , end] = found()
    assert.deepEqual([start?.submitter, start?.users, end?.project], [owner, [owner], project])
    assert.match(end?.package ?? '', /^telescope-/)
    assert.match(
      end?.summary ?? '',
      new RegExp(`project "${project}": build ${id}: chroot "${DISTRO_CHROOT}" ended as`),
    )
    assert.equal(end?.status, 'succeeded')
    assert.deepEqual([end?.delivery_mode, end?.content_type], [2, 'application/json'])

    await until(() => receiver.received.length === 2, { timeout_ms: 30_000, what: 'the webhook' })
    assert.deepEqual(await verified(receiver.received, String(webhook['secret'])), hook.events)
    const { data } = JSON.parse(receiver.received[1]?.body ?? '')
    assert.deepEqual(data.chroots, { [DISTRO_CHROOT]: 'succeeded' })
    assert.equal((await fetch(data.url)).status, 200)
    const { body: log } = await api.raw(
      'GET',
      `outgoing-webhook/deliveries/${owner}/events/${String(webhook['id'])}`,
    )
    const states = (log['deliveries'] as { state: string }[]).map(({ state }) => state)
    assert.deepEqual(states, ['delivered', 'delivered'])

    await addresses(system.databaseUrl, ['kim', owner])
    await kim.raw('PUT', `project/permissions/request/${project}`, { builder: true })
    await api.raw('PUT', `project/permissions/set/${project}`, { kim: { builder: 'approved' } })
    await until(() => sink.mails.length === 2, { timeout_ms: 30_000, what: 'the mails' })
    const subjects = new Map(
      sink.mails.map(({ to, content }) => [to[0], /^Subject: (.*)$/m.exec(content)?.[1]]),
    )
    assert.equal(subjects.get('kim@example.org'), `[Copr] Your roles in ${project} changed`)
    const asked = subjects.get(`${owner}@example.org`)
    assert.equal(asked, `[Copr] kim requests a role in ${project}`)
  })

  test(`while the broker and a receiver are away for ${OUTAGE_MS / 1000} s, builds go on; then all events arrive, in order for each build`, async (t) => {
    await using testDb = await openTestDb()
    const { db, url } = testDb
    await using receiver = await webhookReceiver()
    const stop = new AbortController()
    // A failed test must not leave the loops running.
    using _stopped = { [Symbol.dispose]: () => stop.abort() }
    const notices = new Notices()
    const log = silentLog()
    const config = {
      public_url: 'https://copr.example.org',
      site_name: 'Copr',
      listen: { host: '127.0.0.1', port: 1 },
      allow_private_urls: ['127.0.0.1/32'],
      amqp: amqpOf(),
    }
    const keygen = { open: async () => SECRET }
    const now = (): Date => new Date()
    await addTasks(db, now(), 'load', 1)
    const project = await db.selectFrom('project').selectAll().executeTakeFirstOrThrow()
    await addWebhook(db, COMMAND, {
      project,
      webhook: {
        url: receiver.url,
        events: [
          'source.started',
          'source.finished',
          'chroot.started',
          'chroot.finished',
          'build.finished',
        ],
        sealed_secret: Buffer.from('sealed'),
      },
      now: now(),
    })
    const delivering = Promise.all([
      notices.run(url, { stop: stop.signal, log }),
      // Two backends share the queues.
      deliverEvents({ db, notices, log, now, config, keygen }, stop.signal),
      deliverEvents({ db, notices, log, now, config, keygen }, stop.signal),
    ])
    await until(async () => (await outboxCounts(db)).some(({ channel }) => channel === 'amqp'), {
      timeout_ms: 10_000,
      what: 'the bus to be a destination',
    })
    const seen = listener.messages.length
    const builds: number[] = []
    const waiting = async (): Promise<number> =>
      (await outboxCounts(db)).reduce((sum, queue) => sum + queue.waiting, 0)
    const runBuilds = async (until_ms: number): Promise<number> => {
      let count = 0
      const runner = async (): Promise<void> => {
        while (performance.now() < until_ms) {
          builds.push(await runFakeBuild(db, project))
          count++
          await sleep(PAUSE_MS)
        }
      }
      await Promise.all(Array.from({ length: CONCURRENT }, runner))
      return count
    }

    const running = await runBuilds(performance.now() + 5_000)
    await Promise.all([rabbitmq.stop(), receiver.close()])
    const before = await waiting()
    const away = await runBuilds(performance.now() + OUTAGE_MS)
    // Every build has finished although nothing could be delivered; their events wait in the outbox.
    const perBuild = EXPECTED_EVENTS.bus.length + EXPECTED_EVENTS.webhook.length
    const stored = (await waiting()) - before
    assert.ok(away > 0)
    assert.ok(
      stored >= away * perBuild && stored <= (away + CONCURRENT) * perBuild + before,
      `${stored} events of ${away} builds`,
    )
    await Promise.all([rabbitmq.start(), receiver.open()])
    const again = await runBuilds(performance.now() + 3_000)
    await until(async () => (await waiting()) === 0, {
      timeout_ms: 60_000 + OUTAGE_MS,
      what: 'the events to be delivered',
      seen: () => outboxCounts(db),
      every_ms: 500,
    })
    const mine = (): BusListenerMessage[] =>
      firstOfEach(listener.messages.slice(seen), ({ id }) => id).filter(
        ({ project: of }) => of === `load/${project.name}`,
      )
    const wanted = builds.length * EXPECTED_EVENTS.messages.length
    await until(() => mine().length >= wanted, {
      timeout_ms: 60_000 + OUTAGE_MS,
      what: `${wanted} messages`,
      seen: () => mine().length,
    })
    stop.abort()
    await delivering

    const ofBus = Map.groupBy(mine(), ({ build }) => build)
    const ofHook = Map.groupBy(
      firstOfEach(receiver.received, ({ headers }) => headers['webhook-id']).map(({ body }) =>
        JSON.parse(body),
      ),
      ({ data }) => data.build_id as number,
    )
    for (const id of builds) {
      const messages = ofBus
        .get(id)
        ?.map(
          ({ topic, chroot, status }) =>
            `${topic.slice(PREFIX.length + 6)} ${chroot}${status === null ? '' : ` ${status}`}`,
        )
      assert.deepEqual(messages, EXPECTED_EVENTS.messages, `build ${id} on the bus`)
      const events = ofHook
        .get(id)
        ?.map(({ type, data }) => `${type}${data.chroot ? ` ${data.chroot}` : ''}`)
      assert.deepEqual(events, EXPECTED_EVENTS.webhook, `build ${id} at the webhook`)
    }
    assert.deepEqual([ofBus.size, ofHook.size], [builds.length, builds.length])
    assert.equal((await verified(receiver.received.slice(-20), SECRET)).length, 20)
    const seconds = OUTAGE_MS / 1000
    t.diagnostic(
      `${running} builds in 5 s before, ${away} in ${seconds} s without broker and receiver, ${again} in 3 s after`,
    )
    t.diagnostic(`${listener.messages.length - seen - mine().length} messages were repeated`)
  })
})

/** Sets the email addresses of users. */
async function addresses(databaseUrl: string, usernames: string[]): Promise<void> {
  const db = openDb(databaseUrl, { max_connections: 1 })
  for (const username of usernames) {
    const email = `${username}@example.org`
    await db.updateTable('user_account').set({ email }).where('username', '=', username).execute()
  }
  await db.destroy()
}

/** Removes each item whose key equals that of an earlier item, because deliveries may be repeated. */
function firstOfEach<T>(all: readonly T[], keyOf: (each: T) => unknown): T[] {
  const keys = new Set<unknown>()
  return all.filter((each) => keys.size < keys.add(keyOf(each)).size)
}
