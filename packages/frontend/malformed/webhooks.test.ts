import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NASTY_STRINGS, NASTY_VALUES } from '../src/testing/nasty-values.ts'
import { pageRoutesOf, partsOf, pathOfPage } from '../src/testing/page-routes.ts'
import { openFixture, type Fixture } from '../src/testing/fixture.ts'

const CLONE = 'https://git.example.org/lenscap.git'
const AT = { href: CLONE }
/** The webhook body of each forge for a push that builds lenscap. */
const PUSHES: Record<string, unknown> = {
  github: {
    ref: 'refs/heads/main',
    ref_type: 'branch',
    after: 'abc123',
    repository: { clone_url: CLONE },
    commits: [{ added: ['lens.spec'], modified: [], removed: [] }],
    sender: { url: 'https://api.example.org/users/dana' },
  },
  gitlab: {
    object_kind: 'push',
    ref: 'refs/heads/main',
    after: 'abc123',
    project: { git_http_url: CLONE },
    commits: [{ added: ['lens.spec'], modified: [], removed: [] }],
    user_username: 'dana',
  },
  bitbucket: {
    repository: { links: { html: AT } },
    push: { changes: [{ new: { type: 'branch', name: 'main', target: { hash: 'abc123' } } }] },
    actor: { links: { html: AT } },
  },
}

async function open(): Promise<Fixture> {
  const fixture = await openFixture()
  await fixture.t.db.updateTable('package').set({ webhook_rebuild: true }).execute()
  return fixture
}

const hooks = await (async () => {
  await using fixture = await open()
  return pageRoutesOf(fixture).filter(({ path }) => path.startsWith('/webhooks/'))
})()

test('the list of webhook receivers is not empty', () => assert.ok(hooks.length >= 12))

for (const route of hooks) {
  const [, , forge = ''] = route.path.split('/')
  const push = PUSHES[forge] ?? {}
  const send = async (fixture: Fixture, path: string, body: string | Uint8Array<ArrayBuffer>) => {
    const headers = { 'x-github-event': 'push', 'content-type': 'application/json' }
    const response = await fixture.t.app.request(path, { method: 'POST', headers, body })
    assert.ok(response.status < 500, `${path} ${String(body).slice(0, 200)}: ${response.status}`)
    return response
  }

  test(`POST ${route.path} survives malformed values in every field`, async () => {
    await using fixture = await open()
    const path = pathOfPage(fixture, route)
    // All receivers of a forge read the same kind of body, so the tests with values of a megabyte are divided among them.
    const receivers = hooks.filter((each) => each.path.split('/')[2] === forge)
    for (const [i, at] of pathsIn(push).entries())
      for (const [j, [kind, value]] of Object.entries(NASTY_VALUES).entries()) {
        const isTurn = (i + j) % receivers.length === receivers.indexOf(route)
        if (!kind.startsWith('a megabyte') || isTurn)
          await send(fixture, path, JSON.stringify(withValue(push, at, value)))
      }
    for (const body of ['', '{', 'null', '[]', 'payload=%', new Uint8Array([0xff, 0xfe])])
      await send(fixture, path, body)
  })

  test(`POST ${route.path} survives malformed URLs, and builds nothing for them`, async () => {
    await using fixture = await open()
    const before = await countBuilds(fixture)
    for (const name of partsOf(route.path).filter((each) => each !== 'package'))
      for (const [kind, value] of NASTY_STRINGS) {
        if (value === '' || kind === 'digits beyond 2^63') continue
        const response = await send(
          fixture,
          pathOfPage(fixture, route, { [name]: value }),
          JSON.stringify(push),
        )
        assert.ok(response.status >= 400, `${kind} as ${name}: ${response.status}`)
      }
    for (const id of ['0', '9007199254740993', '9300000000000000000000'])
      await send(fixture, pathOfPage(fixture, route, { id }), JSON.stringify(push))
    if (route.path.includes('/:id')) assert.equal(await countBuilds(fixture), before)
  })
}

async function countBuilds({ t }: Fixture): Promise<number> {
  return (await t.db.selectFrom('build').select('id').execute()).length
}

/** The path to each value in a body, including nested objects. */
function pathsIn(value: unknown, way: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [way]
  const inside = Object.entries(value).flatMap(([key, each]) => pathsIn(each, [...way, key]))
  return [way, ...inside]
}

function withValue(object: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value
  if (Array.isArray(object))
    return object.map((each, i) => (String(i) === key ? withValue(each, rest, value) : each))
  const fields = object as Record<string, unknown>
  return { ...fields, [key]: withValue(fields[key], rest, value) }
}
