import { openSession } from '@copr/domain/users/sessions'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { MARKER, NASTY_STRINGS } from '../testing/nasty-values.ts'
import { NOW } from '../testing/test-frontend.ts'
import { openWorld, type World } from '../testing/world.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const session = await openSession(world.t.db, world.t.admin.id, NOW)
await writeMarkers(world)

/** Every path outside of the API, as registered. */
const pages = [
  ...new Map(
    world.t.app.routes
      .filter(({ path }) => !path.startsWith('/api_3') && !path.includes('*'))
      .map(({ method, path }) => [`${method} ${path}`, { method, path }] as const),
  ).values(),
]
const readable = pages.filter(({ method }) => method === 'GET')
const writable = pages.filter(({ method }) => method === 'POST')

const USUAL: Record<string, string> = {
  owner: 'dana',
  ownername: 'dana',
  project: 'telescope',
  dirname: 'telescope',
  package: 'lenscap',
  id: String(world.finished_build),
  name_release: 'fedora-43',
  chroot: 'fedora-43-x86_64',
  group: 'orbit',
}

const QUERIES = ['before', 'after', 'offset', 'next', 'q', 'query', 'fulltext', 'dirname', 'arch']

test('pages were found', () => assert.ok(readable.length > 10 && writable.length > 5))

for (const { path } of readable) {
  test(`GET ${path} shows markup as text`, async () => {
    await expectPage(fill(path, {}))
  })

  test(`GET ${path} survives every malformed value`, async () => {
    for (const name of namesIn(path))
      for (const [, value] of NASTY_STRINGS)
        if (value !== '') await expectPage(fill(path, { [name]: value }))
    for (const name of QUERIES)
      for (const [, value] of NASTY_STRINGS)
        await expectPage(`${fill(path, {})}?${new URLSearchParams({ [name]: value }).toString()}`)
  })
}

/** Those whose sender cannot know a token of ours: a secret in the address, or no session yet. */
const WITHOUT_TOKEN = /^\/(webhooks|login|stats_rcv)(\/|$)/

for (const { path } of writable)
  test(`POST ${path} does nothing without the token of the form`, async () => {
    if (WITHOUT_TOKEN.test(path)) return
    const response = await world.t.app.request(fill(path, {}), {
      method: 'POST',
      headers: {
        cookie: `session=${session}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ verify: 'telescope', csrf_token: 'wrong' }),
    })
    // An upload's form comes as multipart; until then it is refused for that.
    const refused = /add_build_upload|upload/.test(path) ? [400, 403] : [403]
    assert.ok(refused.includes(response.status), `${response.status}: ${await response.text()}`)
  })

async function expectPage(url: string): Promise<void> {
  const response = await world.t.app.request(url, {
    headers: { cookie: `session=${session}`, accept: 'text/html' },
  })
  const text = await response.text()
  assert.ok(response.status < 500, `${url}: ${response.status}`)
  if (response.headers.get('content-type')?.includes('html'))
    assert.ok(!text.includes(MARKER), `${url} has unescaped markup`)
}

function namesIn(path: string): string[] {
  return [...path.matchAll(/:([a-z_]+)/g)].map(([, name = '']) => name)
}

function fill(path: string, values: Record<string, string>): string {
  return path
    .replaceAll(/:([a-z_]+)(\{[^}]*\}(?:\})?)?\??/g, (_, name: string) =>
      encodeURIComponent(values[name] ?? USUAL[name] ?? 'x'),
    )
    .replaceAll(/\/+/g, '/')
}

/** Wherever somebody's words are kept. */
async function writeMarkers({ t }: World): Promise<void> {
  const { db } = t
  const words = { description: MARKER, instructions: MARKER, contact: MARKER, homepage: MARKER }
  await db.updateTable('project').set(words).execute()
  await db
    .updateTable('build')
    .set({ fail_reason: MARKER, submitted_by: MARKER, package_version: MARKER })
    .execute()
  await db.updateTable('build_chroot').set({ state_reason: MARKER }).execute()
  await db.updateTable('chroot').set({ comment: MARKER }).execute()
  const source_json = JSON.stringify({ clone_url: MARKER, script: MARKER, url: MARKER })
  await db.updateTable('package').set({ source_json, chroot_denylist: MARKER }).execute()
  await db
    .updateTable('project_chroot')
    .set({ additional_packages: [MARKER], additional_repos: [MARKER], with_opts: [MARKER] })
    .execute()
  const at = { at: NOW, actor: MARKER, via: MARKER, action: MARKER, subject: MARKER }
  const { id: project_id } = await db
    .selectFrom('project')
    .select('id')
    .limit(1)
    .executeTakeFirstOrThrow()
  await db
    .insertInto('audit_log')
    .values({ ...at, project_id, reason: MARKER, details: JSON.stringify({ field: MARKER }) })
    .execute()
}
