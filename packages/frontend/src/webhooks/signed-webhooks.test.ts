import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { forgejo, type ForgePayload, github, gitlab } from '../testing/forge-payloads.ts'
import { openFixture, type Fixture } from '../testing/fixture.ts'

const KEY = Buffer.alloc(32, 7)
const SECRET = `whsec_${KEY.toString('base64')}`

interface Delivery {
  id: number
  outcome: string
  reason: string | null
  replay_of: number | null
  decisions: { package: string; build_id: number | null; reason: string }[]
}

/** Opens a fixture in which dana's project accepts only signed deliveries and has a package that they build. */
async function open(): Promise<Fixture> {
  const fixture = await openFixture()
  const { t } = fixture
  const source_json = JSON.stringify({ clone_url: 'https://git.example.org/dana/lens' })
  await t.db
    .updateTable('package')
    .set({ webhook_rebuild: true, source_json })
    .where('project_id', '=', 1)
    .execute()
  await t.db.deleteFrom('webhook_delivery').execute()
  const api = '/api_3/webhook'
  const headers = fixture.as('owner')
  const secret = { headers, json: { secret: SECRET } }
  assert.deepEqual(await t.get(`${api}/signing-secret/dana/telescope`, secret), {
    signing_secret: SECRET,
  })
  const json = { signed_only: true }
  assert.deepEqual(
    await t.get(`${api}/settings/dana/telescope`, { headers, method: 'PUT', json }),
    { signed_only: true, pull_requests: 'all', has_signing_secret: true },
  )
  return fixture
}

async function send(
  { t, webhook_secret }: Fixture,
  { forge, headers, body }: Omit<ForgePayload, 'event' | 'forge'> & { forge: string },
  more: Record<string, string> = {},
) {
  const path =
    forge === 'custom' ? `custom/1/${webhook_secret}/lenscap` : `${forge}/1/${webhook_secret}`
  const response = await t.ask(`/webhooks/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers, ...more },
  })
  return {
    status: response.status,
    text: await response.text(),
    type: response.headers.get('content-type'),
  }
}

const hex = (body: unknown) =>
  createHmac('sha256', SECRET).update(JSON.stringify(body)).digest('hex')

function standard(body: unknown, id: string, at: number): Record<string, string> {
  const signed = createHmac('sha256', KEY).update(`${id}.${at}.${JSON.stringify(body)}`)
  return {
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${signed.digest('base64')}`,
  }
}

async function log(fixture: Fixture): Promise<Delivery[]> {
  const path = '/api_3/webhook/deliveries/dana/telescope'
  const headers = fixture.as('owner')
  return (await fixture.t.get<{ items: Delivery[] }>(path, { headers })).items
}

async function builds({ t }: Fixture): Promise<number> {
  const rows = await t.db
    .selectFrom('build')
    .select('id')
    .where('submitter_id', 'is', null)
    .execute()
  return rows.length
}

const NOW_SECONDS = new Date('2026-11-22T12:00:00Z').getTime() / 1000
const SIGNED: [
  ForgePayload | (Omit<ForgePayload, 'forge'> & { forge: 'custom' }),
  Record<string, string>,
][] = [
  [github.push(), { 'x-hub-signature-256': `sha256=${hex(github.push().body)}` }],
  [forgejo.push(), { 'x-forgejo-signature': hex(forgejo.push().body) }],
  [gitlab.push(), standard(gitlab.push().body, 'msg_1', NOW_SECONDS)],
  [gitlab.push(), { 'x-gitlab-token': SECRET }],
  [
    { forge: 'custom', event: '', headers: {}, body: { any: 'thing' } },
    standard({ any: 'thing' }, 'msg_2', NOW_SECONDS),
  ],
]

for (const [payload, signature] of SIGNED) {
  const name = `${payload.forge} with ${Object.keys(signature).at(-1)}`

  test(`a signed delivery of ${name} is built once: sent again, it is refused with a reason`, async () => {
    await using fixture = await open()
    const before = await builds(fixture)
    assert.equal((await send(fixture, payload, signature)).status, 200)
    assert.equal(await builds(fixture), before + 1)
    const again = await send(fixture, payload, signature)
    assert.equal(again.status, 409)
    assert.match(again.text, /it was received before/)
    assert.match(again.type ?? '', /^text\/plain/)
    assert.equal(await builds(fixture), before + 1)
    const [second, first] = await log(fixture)
    assert.deepEqual([first?.outcome, second?.outcome], ['built', 'refused'])
    assert.match(second?.reason ?? '', /it was received before/)
  })

  test(`a delivery of ${name} without or with a wrong signature builds nothing, and the log says why`, async () => {
    await using fixture = await open()
    const before = await builds(fixture)
    const altered = { ...payload, body: { ...payload.body, evil: true } }
    assert.equal((await send(fixture, payload)).status, 403)
    if (!('x-gitlab-token' in signature))
      assert.equal((await send(fixture, altered, signature)).status, 403)
    assert.equal(await builds(fixture), before)
    const [wrong, missing] =
      (await log(fixture)).length > 1 ? await log(fixture) : [undefined, ...(await log(fixture))]
    assert.match(
      missing?.reason ?? '',
      /the delivery is not signed: this project requires the header/,
    )
    if (wrong) assert.match(wrong.reason ?? '', /the signature in .* is wrong/)
    const bodies = await fixture.t.db.selectFrom('webhook_delivery').select('body').execute()
    assert.ok(
      bodies.every(({ body }) => body === null),
      'bodies of strangers are not kept',
    )
  })
}

test('a repeated body with a new delivery ID is refused, and so is a new body with a known delivery ID', async () => {
  await using fixture = await open()
  const push = github.push()
  const sign = (body: unknown) => ({ 'x-hub-signature-256': `sha256=${hex(body)}` })
  assert.equal((await send(fixture, push, sign(push.body))).status, 200)
  const other = { ...sign(push.body), 'x-github-delivery': 'another-id' }
  assert.equal((await send(fixture, push, other)).status, 409)
  const next = github.push({ files: ['other.spec'] })
  assert.equal((await send(fixture, next, sign(next.body))).status, 409)
  const both = { ...sign(next.body), 'x-github-delivery': 'a-third-id' }
  assert.equal((await send(fixture, next, both)).status, 200)
})

test('an old timestamp is refused', async () => {
  await using fixture = await open()
  const push = gitlab.push()
  const { status, text } = await send(
    fixture,
    push,
    standard(push.body, 'msg_3', NOW_SECONDS - 301),
  )
  assert.equal(status, 403)
  assert.match(text, /its timestamp is 301 seconds old; 300 are allowed/)
})

test('a signed delivery that fails may be sent again', async () => {
  await using fixture = await open()
  const broken = { ...github.push(), body: { ref: 'refs/heads/main' } }
  const signature = { 'x-hub-signature-256': `sha256=${hex(broken.body)}` }
  for (let i = 0; i < 2; i++) assert.equal((await send(fixture, broken, signature)).status, 400)
  assert.match((await log(fixture))[0]?.reason ?? '', /^Cannot accept the webhook: .*repository/s)
})

test('a delivery can be replayed through the API or with a button, and the new record refers to the original', async () => {
  await using fixture = await open()
  const { t } = fixture
  const push = github.push()
  await send(fixture, push, { 'x-hub-signature-256': `sha256=${hex(push.body)}` })
  const [first = assert.fail()] = await log(fixture)
  const path = `/api_3/webhook/replay/dana/telescope/${first.id}`
  const copy = await t.get<Delivery>(path, { headers: fixture.as('owner'), method: 'POST' })
  assert.equal(copy.replay_of, first.id)
  assert.equal(copy.outcome, 'built')
  assert.notEqual(copy.decisions[0]?.build_id, first.decisions[0]?.build_id)
  const cookie = fixture.sessionOf('owner')
  const page = `/coprs/dana/telescope/integrations/deliveries/${copy.id}/`
  const html = await (await t.ask(page, { headers: { cookie } })).text()
  assert.match(html, /refs\/heads\/main/)
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const pressed = await t.ask(`${page}replay/`, {
    method: 'POST',
    body: new URLSearchParams({ csrf_token }).toString(),
    headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.equal(pressed.status, 303)
  assert.deepEqual(
    (await log(fixture)).map(({ outcome }) => outcome),
    ['built', 'built', 'built'],
  )
})

test('a delivery of another project, or one whose body was not kept, cannot be replayed', async () => {
  await using fixture = await open()
  const { t } = fixture
  await send(fixture, github.push())
  const [refused = assert.fail()] = await log(fixture)
  const replay = (project: string) =>
    t.ask(`/api_3/webhook/replay/${project}/${refused.id}`, {
      headers: fixture.as('owner'),
      method: 'POST',
    })
  assert.equal((await replay('dana/telescope')).status, 400)
  assert.match(await (await replay('dana/telescope')).text(), /its sender was not verified/)
  assert.equal((await replay('@orbit/telescope')).status, 404)
})

test('the log contains no secrets: neither the token header, nor the secret that old versions of Gitea put into the body', async () => {
  await using fixture = await open()
  const push = gitlab.push()
  push.body['secret'] = 'canary'
  const authorization = 'Basic canary'
  await send(fixture, push, { 'x-gitlab-token': SECRET, authorization, cookie: 'session=canary' })
  const [{ id } = assert.fail()] = await log(fixture)
  const path = `/api_3/webhook/delivery/dana/telescope/${id}`
  const text = await (await fixture.t.ask(path, { headers: fixture.as('owner') })).text()
  assert.match(text, /Push Hook/)
  assert.doesNotMatch(text, /canary|whsec_/)
  const rows = await fixture.t.db.selectFrom('webhook_delivery').selectAll().execute()
  assert.doesNotMatch(
    JSON.stringify(rows.map((row) => ({ ...row, body: row.body?.toString() }))),
    /canary|whsec_/,
  )
})

test('a project without a signing secret cannot require signatures', async () => {
  await using fixture = await openFixture()
  const path = '/api_3/webhook/settings/dana/telescope'
  const json = { signed_only: true }
  const response = await fixture.t.ask(path, { headers: fixture.as('owner'), method: 'PUT', json })
  assert.equal(response.status, 400)
  assert.match(await response.text(), /make a signing secret first/)
})

test('a body that exceeds the limit of the log is truncated, and its delivery cannot be replayed', async () => {
  await using fixture = await open()
  const push = github.push({
    files: ['lens.spec', ...Array.from({ length: 20_000 }, (_, i) => `file-${i}`)],
  })
  await send(fixture, push, { 'x-hub-signature-256': `sha256=${hex(push.body)}` })
  const [{ id } = assert.fail()] = await log(fixture)
  const path = `/api_3/webhook/delivery/dana/telescope/${id}`
  const shown = await fixture.t.get<{ is_truncated: boolean; body: string }>(path, {
    headers: fixture.as('owner'),
  })
  assert.deepEqual([shown.is_truncated, shown.body.length], [true, 128 * 1024])
  const replay = `/api_3/webhook/replay/dana/telescope/${id}`
  assert.equal(
    (await fixture.t.ask(replay, { headers: fixture.as('owner'), method: 'POST' })).status,
    400,
  )
})
