import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enableChannel } from '@copr/domain/outbox/queues'
import { setWantsMail } from '@copr/domain/outbox/mail-recipient'
import { onTheWeb } from '@copr/domain/audit/actor'
import { requestPermissions } from '@copr/domain/permissions/permissions'
import { addTasks } from '@copr/domain/testing/add-tasks'
import { createUser } from '@copr/domain/users/user-queries'
import { silentLog } from '@copr/process/log'
import { smtpSink, type SmtpSink } from '@copr/testkit/events/smtp-sink'
import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import { mailChannel } from './mail-channel.ts'
import { serveQueues } from './serve-queue.ts'

const START = new Date('2026-11-22T12:00:00Z')

/** Creates a project of dana's in which kim has requested a role. */
async function requested(t: TestDb): Promise<{ dana: number }> {
  await enableChannel(t.db, 'mail', true)
  await addTasks(t.db, START, 'dana', 1)
  const dana = await t.db
    .updateTable('user_account')
    .set({ email: 'dana@example.org' })
    .returning('id')
    .executeTakeFirstOrThrow()
  const kim = await createUser(t.db, { username: 'kim', now: START })
  const project = await t.db
    .updateTable('project')
    .set({ name: 'telescope' })
    .returningAll()
    .executeTakeFirstOrThrow()
  await requestPermissions(t.db, onTheWeb(kim), { project, roles: { builder: true }, now: START })
  return { dana: dana.id }
}

async function deliver(t: TestDb, { url }: Pick<SmtpSink, 'url'>, now = START): Promise<void> {
  const config = { public_url: 'https://copr.example.org', site_name: 'Example Copr' }
  const sender = { db: t.db, log: silentLog(), now: () => now, config }
  const mail = { url, from: 'Copr <copr@example.org>', require_tls: false }
  await serveQueues(sender, mailChannel(sender, mail), new AbortController().signal)
}

const waiting = async ({ db }: TestDb): Promise<number> =>
  (await db.selectFrom('outbox').select('id').execute()).length

test('a mail is plain text with a link to the page, the reason why the user gets it, and how to stop further mail', async () => {
  await using t = await openTestDb()
  await using sink = await smtpSink()
  await requested(t)
  await deliver(t, sink)
  const [mail, ...others] = sink.mails
  assert.ok(mail && others.length === 0)
  assert.deepEqual([mail.from, mail.to], ['copr@example.org', ['dana@example.org']])
  const end = mail.content.indexOf('\n\n')
  const [headers, text] = [mail.content.slice(0, end), mail.content.slice(end)]
  for (const header of [
    /^Subject: \[Example Copr\] kim requests a role in dana\/telescope$/m,
    /^Auto-Submitted: auto-generated$/m,
    /^Message-ID: <[0-9a-f-]{36}@copr\.example\.org>$/m,
    /^Content-Type: text\/plain; charset=utf-8$/m,
  ])
    assert.match(headers, header)
  assert.equal(
    text.replaceAll(/=\n/g, '').trim(),
    `kim requests the role builder in dana/telescope.

https://copr.example.org/coprs/dana/telescope/permissions/

You get this mail because you administer this project. To get no mail from Example Copr, change it on https://copr.example.org/user/info`,
  )
  assert.equal(await waiting(t), 0)
})

test('a user who opts out of mail gets none, not even mail that is already queued', async () => {
  await using t = await openTestDb()
  await using sink = await smtpSink()
  const { dana } = await requested(t)
  await setWantsMail(t.db, dana, false)
  await deliver(t, sink)
  assert.deepEqual([sink.mails.length, await waiting(t)], [0, 0])
})

test('a mail is retried after a temporary rejection or an outage of the server, and dropped after a permanent rejection', async () => {
  await using t = await openTestDb()
  await requested(t)
  let at = START
  {
    await using sink = await smtpSink()
    sink.answerTo = () => 450
    // A temporary refusal, which may concern this recipient only: the mail must wait.
    await deliver(t, sink)
    assert.deepEqual([sink.mails.length, await waiting(t)], [0, 1])
  }
  at = new Date(at.getTime() + 5_000)
  await deliver(t, { url: 'smtp://127.0.0.1:9' }, at)
  assert.equal(await waiting(t), 1)
  at = new Date(at.getTime() + 10_000)
  await using sink = await smtpSink()
  sink.answerTo = () => 550
  await deliver(t, sink, at)
  assert.deepEqual([sink.mails.length, await waiting(t)], [0, 0])
})

test('an address with line breaks cannot add headers or recipients', async () => {
  await using t = await openTestDb()
  await using sink = await smtpSink()
  const { dana } = await requested(t)
  const email = 'dana@example.org>\r\nRCPT TO:<eve@example.org'
  await t.db.updateTable('user_account').set({ email }).where('id', '=', dana).execute()
  await deliver(t, sink)
  for (const { to, content } of sink.mails) {
    assert.ok(!to.includes('eve@example.org'))
    assert.doesNotMatch(content, /^RCPT/m)
  }
  assert.equal(await waiting(t), 0)
})
