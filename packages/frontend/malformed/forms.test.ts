import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BEYOND_FORM_LIMIT, MARKER, NASTY_TEXTS } from '../src/testing/nasty-values.ts'
import { findForms, type PageForm } from '../src/testing/page-forms.ts'
import { pageName, pageRoutesOf } from '../src/testing/page-routes.ts'
import { openFixture, type Role, ROLES, type Fixture } from '../src/testing/fixture.ts'

const LIMIT_MS = 120_000
/** Number of random combinations per form; set FAST_CHECK_RUNS=1000 for a thorough run. */
const RUNS = Number(process.env['FAST_CHECK_RUNS'] ?? 12)
const IS_DEEP = process.env['FAST_CHECK_RUNS'] !== undefined

interface Filled {
  what: string
  /** The kind of the malformed text; undefined for other malformed input, such as a missing field. */
  kind?: string
  change: (values: PageForm['values']) => PageForm['values']
}

/**
 * Lists each form once, with a role that sees it. Forms of group projects are left out, because they are the same as those of user
 * projects.
 */
async function listForms(): Promise<[Role, PageForm][]> {
  await using fixture = await openFixture()
  const all = new Map<string, [Role, PageForm]>()
  for (const role of ['owner', ...ROLES] as const)
    for (const form of await findForms(fixture, role)) {
      const name = pageName(form.route)
      if (!all.has(name) && !form.route.path.startsWith('/coprs/g/')) all.set(name, [role, form])
    }
  const wanted = pageRoutesOf(fixture)
    .filter(({ method, path }) => method === 'POST' && !path.startsWith('/webhooks/'))
    .map(pageName)
  assert.deepEqual([...all.keys()].toSorted(), [...new Set(wanted)].toSorted())
  return [...all.values()]
}

/**
 * The names of build options that have been tried. All build forms have the same options, so only one form tries each value alone; the
 * other forms try only combinations.
 */
const tried = new Set<string>()
function isTried(form: PageForm, name: string): boolean {
  if (!form.names.includes('after_build_id')) return false
  const isKnown = tried.has(name)
  tried.add(name)
  return isKnown
}

for (const [role, form] of await listForms()) {
  const { path } = form.route
  const fields = form.names.filter((name) => name !== 'csrf_token')
  const own = fields.filter((name) => !isTried(form, name))

  test(`POST ${path} survives every malformed value in every field`, async () => {
    await using fixture = await openFixture()
    for (const fault of own.flatMap((field, turn) => faultsInTurn(form, field, turn)))
      await expectAnswer(fixture, role, form, fault)
  })

  test(`POST ${path} survives malformed values in many fields at once`, async () => {
    if (fields.length < 2) return
    await using fixture = await openFixture()
    const some = fc.uniqueArray(fc.constantFrom(...fields.flatMap(faultsOf)), {
      minLength: 2,
      maxLength: 5,
      selector: ({ what }) => what,
    })
    await fc.assert(
      fc.asyncProperty(some, async (list) => {
        const change: Filled['change'] = (values) =>
          list.reduce((before, fault) => fault.change(before), values)
        await expectAnswer(fixture, role, form, {
          what: list.map(({ what }) => what).join(),
          change,
        })
      }),
      { numRuns: RUNS },
    )
  })
}

/** Values that often cause failures. They are tried in every field. */
const ALWAYS = /^(no |NUL|HTML as|SQL|control characters|a megabyte as|right to left|an option)/
/**
 * Returns the values of ALWAYS and a third of the others; which third depends on the field. A deep run returns all values. Combinations of
 * fields draw from all values.
 */
function faultsInTurn(form: PageForm, name: string, turn: number): Filled[] {
  if (IS_DEEP) return faultsOf(name)
  // A form with a file may be longer than others, so it tries the long values in every field.
  const isShort = !form.isMultipart
  return faultsOf(name).filter(({ what, kind = '' }, i) => {
    if (isShort && turn > 0 && BEYOND_FORM_LIMIT.has(kind)) return false
    return ALWAYS.test(what) || (i + turn) % 3 === 0
  })
}

function faultsOf(name: string): Filled[] {
  const without = (values: PageForm['values']) => values.filter(([each]) => each !== name)
  return [
    { what: `no ${name}`, change: without },
    { what: `${name} twice`, change: (values) => [...values, [name, 'a'], [name, 'b']] },
    ...NASTY_TEXTS.map(([kind, text]) => ({
      what: `${kind} as ${name}`,
      kind,
      change: (values: PageForm['values']): PageForm['values'] => [
        ...without(values),
        [name, text],
      ],
    })),
  ]
}

/**
 * Asserts that the response arrives in time and is not a 5xx, and that no input appears as markup in the response or in the page to which
 * it redirects.
 */
async function expectAnswer(
  fixture: Fixture,
  role: Role,
  form: PageForm,
  { what, change }: Filled,
): Promise<void> {
  const headers = { cookie: fixture.sessionOf(role), accept: 'text/html' }
  const { app } = fixture.t
  const csrf = await csrfOf(fixture, role)
  const body = form.isMultipart ? new FormData() : new URLSearchParams()
  for (const [name, value] of change(form.values))
    body.append(name, name === 'csrf_token' ? csrf : value)
  const path = form.action.replace(/^\/login\/link\/.*/, `/login/link/${fixture.login_secret}`)
  const response = await Promise.race([
    app.request(path, { method: 'POST', headers, body }),
    late(what),
  ])
  const text = await response.text()
  assert.ok(response.status < 500, `${what}: ${response.status}`)
  assert.ok(!text.includes(MARKER), `${what}: unescaped markup`)
  const location = response.headers.get('location')
  if (!location?.startsWith('/')) return
  const next = await Promise.race([app.request(location, { headers }), late(what)])
  assert.ok(next.status < 500, `${what}: ${location} answers ${next.status}`)
  assert.ok(!(await next.text()).includes(MARKER), `${what}: unescaped markup at ${location}`)
}

const csrfs = new WeakMap<Fixture, string>()
/** The CSRF token of the role's session, which is the same for all forms. */
async function csrfOf(fixture: Fixture, role: Role): Promise<string> {
  const known = csrfs.get(fixture)
  if (known !== undefined) return known
  const page = await fixture.t.app.request('/', { headers: { cookie: fixture.sessionOf(role) } })
  const csrf = /name="csrf_token" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
  csrfs.set(fixture, csrf)
  return csrf
}

async function late(what: string): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, LIMIT_MS).unref())
  throw new Error(`${what}: no answer within ${LIMIT_MS} ms`)
}
