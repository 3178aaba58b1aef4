import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formSchema } from '../src/api-description/openapi.ts'
import { pathParameters, urlPath } from '../src/api-description/route-names.ts'
import type { ApiRoute } from '../src/http/answer.ts'
import { BEYOND_FORM_LIMIT, NASTY_STRINGS, NASTY_VALUES } from '../src/testing/nasty-values.ts'
import type { SampleRequest } from '../src/testing/sample-requests.ts'
import { sampleOf, sendSample } from '../src/testing/send-sample.ts'
import { openFixture, type Fixture } from '../src/testing/fixture.ts'
import { buildApi } from '../src/api/api.ts'

const LIMIT_MS = 120_000
/** Number of random combinations per route; set FAST_CHECK_RUNS=1000 for a thorough run. */
const RUNS = Number(process.env['FAST_CHECK_RUNS'] ?? 12)
const IS_DEEP = process.env['FAST_CHECK_RUNS'] !== undefined

interface Fault {
  what: string
  change: (sample: SampleRequest) => SampleRequest
}

async function listRoutes(): Promise<ApiRoute[]> {
  await using fixture = await openFixture()
  return buildApi(fixture.t.frontend).routes.filter(({ deprecated_for }) => !deprecated_for)
}

/** A cache of generated schemas, because generating one takes longer than a request. */
const known_schemas = new WeakMap<object, Record<string, unknown>>()
const routes = await listRoutes()
const sharing = routesOfFields(routes)

for (const route of routes) {
  const name = `${route.method} ${urlPath(route.path)}`

  test(`${name} survives every malformed value in every place`, async () => {
    await using own = await openFixture()
    for (const fault of await faultsOf(route, own, isInTurn)) await expectAnswer(route, own, fault)
  })

  test(`${name} survives malformed values in many places at once`, async () => {
    await using own = await openFixture()
    const faults = await faultsOf(route, own)
    if (faults.length === 0) return
    const some = fc.uniqueArray(fc.constantFrom(...faults), {
      minLength: 2,
      maxLength: 5,
      // Combinations contain at most one malformed path segment, because two `..` segments would lead from the API to a page.
      selector: ({ what }) => what.replace(/^(a path part in the path) as .*/, '$1'),
    })
    await fc.assert(
      fc.asyncProperty(some, async (list) => {
        const change = (sample: SampleRequest) =>
          list.reduce((before, fault) => fault.change(before), sample)
        await expectAnswer(route, own, { what: list.map(({ what }) => what).join(', '), change })
      }),
      { numRuns: RUNS },
    )
  })
}

/** Asserts that a response arrives in time and is not a 5xx, and that a refusal is JSON with an error message. */
async function expectAnswer(route: ApiRoute, own: Fixture, fault: Fault): Promise<void> {
  const response = await Promise.race([sendSample(route, own, 'owner', fault.change), late()])
  const text = await response.text()
  const context = `${fault.what}: ${response.status} ${text.slice(0, 300)}`
  assert.ok(response.status < 500, context)
  if (response.status < 400) return
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/, context)
  const { error } = JSON.parse(text) as { error?: unknown }
  assert.ok(typeof error === 'string' && error !== '', context)
  // An error message must truncate the input that it quotes.
  assert.ok(text.length < 20_000, `${fault.what}: an error of ${text.length} characters`)
}

async function late(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, LIMIT_MS).unref())
  throw new Error(`No answer within ${LIMIT_MS} ms`)
}

/** Decides whether a route tries a malformed value of a body field, given the number of the value. */
type Selection = (route: ApiRoute, name: string, turn: number) => boolean

/**
 * Splits the malformed values of a field into up to three shares, and assigns each route that has a field with this name and schema to one
 * share. Together, the routes try every value.
 */
const isInTurn: Selection = (route, name, turn) => {
  const sharers = sharing.get(fieldKey(route, name)) ?? [route]
  const shares = IS_DEEP ? 1 : Math.min(3, sharers.length)
  return turn % shares === sharers.indexOf(route) % shares
}

function routesOfFields(all: ApiRoute[]): Map<string, ApiRoute[]> {
  const found = new Map<string, ApiRoute[]>()
  for (const route of all)
    for (const name of fieldsOf(route.body)) {
      const key = fieldKey(route, name)
      found.set(key, [...(found.get(key) ?? []), route])
    }
  return found
}

function fieldKey({ body }: ApiRoute, name: string): string {
  return `${name} ${JSON.stringify(fieldSchemas(body)[name])}`
}

async function faultsOf(
  route: ApiRoute,
  own: Fixture,
  isSelected: Selection = () => true,
): Promise<Fault[]> {
  const { json } = await sampleOf(route, own)
  const path = pathParameters(route.path).flatMap(({ name }) =>
    NASTY_STRINGS.filter(([, value]) => value !== '').map(([kind, value]) => ({
      what: `${kind} in the path as ${name}`,
      change: (sample: SampleRequest) => ({ ...sample, path: { ...sample.path, [name]: value } }),
    })),
  )
  const query = fieldsOf(route.query).flatMap((name) =>
    NASTY_STRINGS.map(([kind, value]) => ({
      what: `${kind} in the query as ${name}`,
      change: (sample: SampleRequest) => ({ ...sample, query: { ...sample.query, [name]: value } }),
    })),
  )
  const names = [...new Set([...fieldsOf(route.body), ...Object.keys(json ?? {})])]
  const body = names.flatMap((name, at) =>
    Object.entries(NASTY_VALUES)
      .filter(([kind], turn) =>
        BEYOND_FORM_LIMIT.has(kind) ? at === 0 : isSelected(route, name, turn),
      )
      .map(([kind, value]) => ({
        what: `${kind} in the body as ${name}`,
        change: (sample: SampleRequest) => withField(sample, name, value),
      })),
  )
  const whole = json === undefined ? [] : wholeBodies()
  return [...path, ...query, ...body, ...whole]
}

function wholeBodies(): Fault[] {
  return Object.entries(NASTY_VALUES).map(([kind, value]) => ({
    what: `${kind} as the body`,
    change: (sample: SampleRequest) => ({ ...sample, json: value }),
  }))
}

function withField(sample: SampleRequest, name: string, value: unknown): SampleRequest {
  if (!sample.form) {
    const before = typeof sample.json === 'object' && !Array.isArray(sample.json) ? sample.json : {}
    return { ...sample, json: { ...before, [name]: value } }
  }
  const form = new FormData()
  for (const [key, part] of sample.form) if (key !== 'json') form.append(key, part)
  const json = { ownername: 'dana', projectname: 'telescope', [name]: value }
  form.append('json', new File([JSON.stringify(json)], 'json', { type: 'application/json' }))
  return { ...sample, form }
}

function fieldsOf(schema: ApiRoute['query']): string[] {
  return Object.keys(fieldSchemas(schema))
}

function fieldSchemas(schema: ApiRoute['query']): Record<string, unknown> {
  if (!schema) return {}
  const known = known_schemas.get(schema)
  if (known) return known
  const fields = (formSchema(schema)['properties'] ?? {}) as Record<string, unknown>
  known_schemas.set(schema, fields)
  return fields
}
