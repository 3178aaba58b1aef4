import type { TokenScope } from '@copr/contract/token-scopes'
import { openTestDb } from '@copr/testkit/postgres'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listAudit } from '../audit/audit-queries.ts'
import { COMMAND, onTheWeb } from '../audit/actor.ts'
import { issueToken, tokenOf, userOfToken } from './api-tokens.ts'
import { addUser, changeOwnPassword, setAdministrator, setBlocked } from './change-user.ts'
import { makeLoginLink, redeemLoginLink, userOfLoginLink } from '../logins/login-links.ts'
import { attemptSucceeded, countAttempt } from '../logins/login-throttle.ts'
import { issueNamedToken, listTokens, type NewToken, revokeToken } from './named-tokens.ts'
import { listSessions, openSession, userOfSession } from './sessions.ts'
import { createUser, findAccount, userOfPassword } from './user-queries.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const MINUTE_MS = 60_000
const later = (minutes: number): Date => new Date(NOW.getTime() + minutes * MINUTE_MS)
const scoped = { scopes: ['build' as const], project_id: null, days: 90 }

test('a user can have one classic token and any number of named tokens', async () => {
  await using test = await openTestDb()
  const { db } = test
  const dana = onTheWeb(await createUser(db, { username: 'dana', now: NOW }))
  const classic = await issueToken(db, dana.id, { now: NOW, days: 180, actor: dana })
  const ci = await issueNamedToken(db, dana, dana, { name: 'ci', ...scoped }, NOW)
  await issueNamedToken(db, dana, dana, { name: 'laptop', ...scoped, days: 1 }, NOW)
  assert.deepEqual(
    (await listTokens(db, dana.id)).map(({ name, expires_on }) => [name, expires_on]),
    [
      [null, '2027-05-21'],
      ['ci', '2027-02-20'],
      ['laptop', '2026-11-23'],
    ],
  )
  await issueToken(db, dana.id, { now: NOW, days: 180 })
  assert.equal(await userOfToken(db, classic, NOW), undefined)
  const actor = await userOfToken(db, ci, NOW)
  assert.deepEqual(
    [actor?.via, actor?.limits],
    ['token ci', { scopes: ['build'], project_id: null }],
  )
  assert.equal((await tokenOf(db, dana.id))?.expires_on, '2027-05-21')
})

test('concurrent requests for a classic token are serialized', async () => {
  await using test = await openTestDb()
  const { db } = test
  const { id } = await createUser(db, { username: 'dana', now: NOW })
  const issued = await Promise.all([1, 2, 3].map(() => issueToken(db, id, { now: NOW, days: 1 })))
  const good = await Promise.all(issued.map((each) => userOfToken(db, each, NOW)))
  assert.equal(good.filter(Boolean).length, 1)
})

const faults: [what: string, change: Partial<NewToken>, why: RegExp][] = [
  ['an empty name', { name: '' }, /its name must have/],
  ['a name with a line break', { name: 'a\nb' }, /its name must have/],
  ['an empty list of scopes', { scopes: [] }, /at least one scope/],
  ['an unknown scope', { scopes: ['root' as TokenScope] }, /scopes are read, build/],
  ['a lifetime of 0 days', { days: 0 }, /1 to 365 days/],
  ['a lifetime of more than a year', { days: 366 }, /1 to 365 days/],
  ['a name that is taken', { name: 'ci' }, /a token named ci already exists/],
]
for (const [what, change, why] of faults)
  test(`issueNamedToken() refuses ${what}`, async () => {
    await using test = await openTestDb()
    const { db } = test
    const dana = onTheWeb(await createUser(db, { username: 'dana', now: NOW }))
    await issueNamedToken(db, dana, dana, { name: 'ci', ...scoped }, NOW)
    const token: NewToken = { name: 'other', ...scoped, ...change }
    await assert.rejects(issueNamedToken(db, dana, dana, token, NOW), why)
  })

test('only the owner of a token can revoke it, and it then stops working', async () => {
  await using test = await openTestDb()
  const { db } = test
  const dana = onTheWeb(await createUser(db, { username: 'dana', now: NOW }))
  const kim = onTheWeb(await createUser(db, { username: 'kim', now: NOW }))
  const ci = await issueNamedToken(db, dana, dana, { name: 'ci', ...scoped }, NOW)
  const id = (await listTokens(db, dana.id))[0]?.id ?? 0
  await assert.rejects(revokeToken(db, kim, kim, id, NOW), /no longer exists/)
  assert.ok(await userOfToken(db, ci, NOW))
  await revokeToken(db, dana, dana, id, NOW)
  assert.equal(await userOfToken(db, ci, NOW), undefined)
  assert.deepEqual(
    (await listAudit(db, { actor: 'dana' }, 10)).map(({ action, subject }) => [action, subject]),
    [
      ['token.revoke', 'token ci of dana'],
      ['token.make', 'token ci of dana'],
    ],
  )
})

test('a token expires after its last day, and a session after two weeks', async () => {
  await using test = await openTestDb()
  const { db } = test
  const kim = await createUser(db, { username: 'kim', now: NOW })
  const token = await issueToken(db, kim.id, { now: NOW, days: 1 })
  assert.ok(await userOfToken(db, token, new Date('2026-11-23T23:59:59Z')))
  assert.equal(await userOfToken(db, token, new Date('2026-11-24T00:00:00Z')), undefined)
  assert.equal(await userOfToken(db, { ...token, token: 'wrong' }, NOW), undefined)
  const cookie = await openSession(db, kim.id, NOW)
  const end = later(14 * 24 * 60)
  assert.ok(await userOfSession(db, cookie, new Date(end.getTime() - 1)))
  assert.equal(await userOfSession(db, cookie, end), undefined)
})

test('a blocked user can neither log in nor use a session, a token or a login link', async () => {
  await using test = await openTestDb()
  const { db } = test
  const kim = await createUser(db, { username: 'kim', password: 'battery staple', now: NOW })
  const cookie = await openSession(db, kim.id, NOW)
  const token = await issueToken(db, kim.id, { now: NOW, days: 1 })
  const link = await makeLoginLink(db, COMMAND, kim, NOW)
  await setBlocked(db, { ...COMMAND, reason: 'spam' }, kim, { blocked: true, now: NOW })
  assert.equal(await userOfSession(db, cookie, NOW), undefined)
  // A login that runs concurrently with the block may open a session afterwards.
  const late = await openSession(db, kim.id, NOW)
  assert.equal(await userOfSession(db, late, NOW), undefined)
  assert.equal(await userOfToken(db, token, NOW), undefined)
  assert.equal(await userOfLoginLink(db, link, NOW), undefined)
  await assert.rejects(userOfPassword(db, 'kim', 'battery staple'), /kim is blocked/)
  assert.equal(await userOfPassword(db, 'kim', 'wrong'), undefined)
  await setBlocked(db, COMMAND, kim, { blocked: false, now: NOW })
  assert.equal((await userOfPassword(db, 'kim', 'battery staple'))?.id, kim.id)
  assert.ok(await userOfToken(db, token, NOW))
  const entries = await listAudit(db, { actor: 'coprctl' }, 10)
  assert.deepEqual(
    entries.map(({ action, reason, via }) => [action, reason, via]),
    [
      ['user.unblock', null, 'command'],
      ['user.block', 'spam', 'command'],
      ['user.link', null, 'command'],
    ],
  )
})

test('a login link sets a password once, within a day, and is replaced by the next link', async () => {
  await using test = await openTestDb()
  const { db } = test
  const kim = await addUser(db, COMMAND, { username: 'kim', now: NOW })
  const first = await makeLoginLink(db, COMMAND, kim, NOW)
  const link = await makeLoginLink(db, COMMAND, kim, NOW)
  assert.equal(await userOfLoginLink(db, first, NOW), undefined)
  assert.equal(await userOfLoginLink(db, link, later(24 * 60)), undefined)
  const bad = redeemLoginLink(db, { secret: link, password: 'short' }, NOW)
  await assert.rejects(bad, /at least 10 characters/)
  const redeem = () => redeemLoginLink(db, { secret: link, password: 'battery staple' }, NOW)
  const both = await Promise.allSettled([redeem(), redeem()])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  await assert.rejects(redeem(), /has been used/)
  assert.ok(await userOfPassword(db, 'kim', 'battery staple'))
})

test('a new password requires the old one, must not be too easy, and closes the other sessions', async () => {
  await using test = await openTestDb()
  const { db } = test
  const kim = onTheWeb(
    await createUser(db, { username: 'kim', password: 'battery staple', now: NOW }),
  )
  const [here, there] = [await openSession(db, kim.id, NOW), await openSession(db, kim.id, NOW)]
  const change = (old: string, fresh: string) =>
    changeOwnPassword(db, kim, { old, fresh, cookie: here }, NOW)
  await assert.rejects(change('wrong', 'correct horse'), /the old one is wrong/)
  for (const easy of ['123456789', 'aaaaaaaaaaaa', 'x'.repeat(1001)])
    await assert.rejects(change('battery staple', easy), /Cannot use this password/)
  await change('battery staple', 'correct horse')
  assert.ok(await userOfSession(db, here, NOW))
  assert.equal(await userOfSession(db, there, NOW), undefined)
  assert.ok(await userOfPassword(db, 'kim', 'correct horse'))
  const sessions = await listSessions(db, kim.id, { cookie: here, now: NOW })
  assert.deepEqual(
    sessions.map(({ is_current }) => is_current),
    [true],
  )
})

test('setAdministrator() makes a user an administrator and changes nothing else', async () => {
  await using test = await openTestDb()
  const { db } = test
  const kim = await addUser(db, COMMAND, { username: 'kim', email: 'kim@example.org', now: NOW })
  await setAdministrator(db, COMMAND, kim, { is_admin: true, now: NOW })
  const { is_admin, has_password, email } = (await findAccount(db, 'kim')) ?? {}
  assert.deepEqual([is_admin, has_password, email], [true, false, 'kim@example.org'])
})

const seconds = (count: number): Date => new Date(NOW.getTime() + count * 1000)

test('ten failed logins cause no delay; the next failure causes one, each further failure doubles it, and a success resets the count', async () => {
  await using test = await openTestDb()
  const { db } = test
  const kim = { username: 'kim', address: '192.0.2.7' }
  // Concurrent attempts count as well.
  const ten = Array.from({ length: 10 }, () => countAttempt(db, kim, NOW))
  assert.deepEqual(new Set(await Promise.all(ten)), new Set([undefined]))
  // The eleventh attempt is allowed, and its password is correct.
  assert.equal(await countAttempt(db, kim, NOW), undefined)
  await attemptSucceeded(db, kim, NOW)
  for (let i = 0; i < 11; i++) assert.equal(await countAttempt(db, kim, NOW), undefined)
  assert.deepEqual(await countAttempt(db, { ...kim, username: 'KIM' }, NOW), seconds(1))
  assert.equal(await countAttempt(db, kim, seconds(1)), undefined)
  assert.deepEqual(await countAttempt(db, kim, seconds(2)), seconds(3))
  assert.equal(await countAttempt(db, kim, seconds(3)), undefined)
  assert.deepEqual(await countAttempt(db, kim, seconds(3)), seconds(7))
  assert.equal(await countAttempt(db, { ...kim, username: 'dana' }, NOW), undefined)
  assert.equal(await countAttempt(db, { ...kim, address: '192.0.2.8' }, NOW), undefined)
})

test('failed logins from many addresses do not delay an owner at an address where the owner has logged in before', async () => {
  await using test = await openTestDb()
  const { db } = test
  const from = (address: string) => ({ username: 'kim', address })
  for (let i = 0; i <= 100; i++)
    assert.equal(await countAttempt(db, from(`198.51.100.${i}`), NOW), undefined)
  assert.deepEqual(await countAttempt(db, from('203.0.113.1'), NOW), seconds(1))
  const owner = { ...from('192.0.2.7'), is_known: true }
  assert.equal(await countAttempt(db, owner, NOW), undefined)
})

test('failed logins that are more than ten minutes apart do not add up', async () => {
  await using test = await openTestDb()
  const { db } = test
  const kim = { username: 'kim', address: undefined }
  for (let i = 0; i < 30; i++) assert.equal(await countAttempt(db, kim, later(i * 11)), undefined)
})

test('more than fifty failed logins from one address delay its attempts for every user name; successful logins do not count', async () => {
  await using test = await openTestDb()
  const { db } = test
  const from = (username: string, address = '192.0.2.7') => ({ username, address })
  for (let i = 0; i < 60; i++) {
    assert.equal(await countAttempt(db, from('dana'), NOW), undefined)
    await attemptSucceeded(db, from('dana'), NOW)
  }
  for (let i = 0; i < 51; i++)
    assert.equal(await countAttempt(db, from(`user${i}`), NOW), undefined)
  assert.deepEqual(await countAttempt(db, from('dana'), NOW), seconds(1))
  assert.equal(await countAttempt(db, from('dana', '192.0.2.8'), NOW), undefined)
})
