import { openSession } from '@copr/domain/users/sessions'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { MARKER, NASTY_STRINGS } from '../src/testing/nasty-values.ts'
import {
  pageName,
  type PageRoute,
  pageRoutesOf,
  partsOf,
  pathOfPage,
} from '../src/testing/page-routes.ts'
import { NOW } from '../src/testing/test-frontend.ts'
import { openFixture, type Fixture } from '../src/testing/fixture.ts'

const fixture = await openFixture()
after(() => fixture[Symbol.asyncDispose]())
const session = await openSession(fixture.t.db, fixture.t.admin.id, NOW)
await writeMarkers(fixture)

const pages = pageRoutesOf(fixture)
const readable = pages.filter(({ method }) => method === 'GET')
const writable = pages.filter(({ method }) => method === 'POST')

/** Whether each page tries all values; set FAST_CHECK_RUNS to enable this. */
const IS_DEEP = process.env['FAST_CHECK_RUNS'] !== undefined

const QUERIES = ['before', 'after', 'offset', 'next', 'q', 'query', 'fulltext', 'dirname', 'arch']

test('the list of pages is not empty', () => assert.ok(readable.length > 10 && writable.length > 5))

/**
 * Pages whose subject does not exist in the fixture (an upload, a font), and the pages that activate groups, because the site administrator
 * has none.
 */
const ABSENT = /^\/(tmp|static\/:version\/assets|groups\/activate)\//

for (const route of readable) {
  const { path } = route

  test(`GET ${path} shows markup as text`, async () => {
    const response = await expectPage(pathOfPage(fixture, route))
    const wanted = ABSENT.test(path) ? [403, 404] : [200, 302, 303]
    assert.ok(wanted.includes(response.status), String(response.status))
  })

  test(`GET ${path} survives every malformed value`, async () => {
    for (const name of partsOf(path))
      for (const value of valuesInTurn(route))
        if (value !== '') await expectPage(pathOfPage(fixture, route, { [name]: value }))
    for (const query of queriesFor(route))
      await expectPage(`${pathOfPage(fixture, route)}?${query.toString()}`)
  })

  test(`GET ${path} survives broken escapes`, async () => {
    const names = partsOf(path)
    for (const broken of ['%', '%zz', '%ff', '%c3%28', '%ed%a0%80', '%2e%2e%2f', '%252e']) {
      await expectPage(`${pathOfPage(fixture, route)}?q=${broken}&${broken}=q`)
      for (const name of ['project', 'package', 'owner'].filter((each) => names.includes(each))) {
        const url = pathOfPage(fixture, route, { [name]: 'BROKEN' }).replace('BROKEN', broken)
        await expectPage(url)
        await expectPage(`${url}?${name}=${broken}&${broken}=${name}`)
      }
    }
  })
}

/** Forms that need no CSRF token: those with a secret in the URL, and those for users who are not logged in. */
const WITHOUT_TOKEN = /^\/(webhooks|login)(\/|$)/

for (const route of writable)
  test(`POST ${route.path} does nothing without the CSRF token`, async () => {
    if (WITHOUT_TOKEN.test(route.path)) return
    const wrong = { verify: 'telescope', csrf_token: 'wrong' }
    const [fields, multipart] = [new URLSearchParams(wrong), new FormData()]
    for (const [name, value] of Object.entries(wrong)) multipart.append(name, value)
    multipart.append('pkgs', new File(['x'], 'a.src.rpm'))
    const isUpload = route.path.endsWith('/add_build_upload')
    const response = await fixture.t.app.request(pathOfPage(fixture, route), {
      method: 'POST',
      headers: { cookie: `session=${session}` },
      body: isUpload ? multipart : fields,
    })
    assert.equal(response.status, 403, await response.text())
  })

const VALUES = NASTY_STRINGS.map(([, value]) => value)

/** Returns the malformed values for a page. A page of a user's project and the same page of a group's project get alternate values. */
function valuesInTurn(route: PageRoute): string[] {
  const twins = readable.filter((each) => pageName(each) === pageName(route))
  return VALUES.filter((_, i) => IS_DEEP || i % twins.length === twins.indexOf(route))
}

/**
 * Returns two kinds of queries: some with malformed values in all parameters at once, because most pages ignore most parameters, and some
 * with a malformed value in a single parameter. The latter are divided among the pages: each page tries a third of the values of each
 * parameter.
 */
function queriesFor(route: PageRoute): URLSearchParams[] {
  const page = readable.indexOf(route)
  const together = valuesInTurn(route).map((value) => QUERIES.map((name) => [name, value]))
  const alone = QUERIES.flatMap((name, i) =>
    VALUES.filter((_, j) => IS_DEEP || (page + i + j) % 3 === 0).map((value) => [[name, value]]),
  )
  return [...together, ...alone].map((query) => new URLSearchParams(query))
}

async function expectPage(url: string): Promise<Response> {
  const response = await fixture.t.app.request(url, {
    headers: { cookie: `session=${session}`, accept: 'text/html' },
  })
  const text = await response.text()
  assert.ok(response.status < 500, `${url}: ${response.status}`)
  if (response.headers.get('content-type')?.includes('html'))
    assert.ok(!text.includes(MARKER), `${url} has unescaped markup`)
  return response
}

/** Writes `MARKER` to every column with text from users. */
async function writeMarkers({ t }: Fixture): Promise<void> {
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
