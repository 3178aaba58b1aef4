import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { urlPath } from '../src/api-description/route-names.ts'
import { usualPath } from '../src/testing/sample-requests.ts'
import { openFixture } from '../src/testing/fixture.ts'
import { buildApi } from '../src/api/api.ts'

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

/** Bodies that do not match their content type, or that no client sends. */
const BODIES: [what: string, type: string | undefined, body: string | Uint8Array<ArrayBuffer>][] = [
  ['nothing', JSON_TYPE, ''],
  ['half an object', JSON_TYPE, '{"name": "a'],
  ['two objects', JSON_TYPE, '{}{}'],
  ['a list', JSON_TYPE, '[{}]'],
  ['null', JSON_TYPE, 'null'],
  ['not a number', JSON_TYPE, '{"timeout": NaN}'],
  ['100,000 open brackets', JSON_TYPE, '['.repeat(100_000)],
  ['100,000 nested objects', JSON_TYPE, '{"a":'.repeat(100_000)],
  [
    '100,000 fields',
    JSON_TYPE,
    `{${Array.from({ length: 100_000 }, (_, i) => `"a${i}":1`).join()}}`,
  ],
  ['a key twice', JSON_TYPE, '{"name": "a", "name": ["b"]}'],
  ['a prototype', JSON_TYPE, '{"__proto__": {"is_admin": true}, "constructor": {}}'],
  ['a byte order mark', JSON_TYPE, '\uFEFF{}'],
  ['bytes that are not UTF-8', JSON_TYPE, new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
  ['JSON without a type', undefined, '{"name": ["a"]}'],
  ['JSON as a form', FORM_TYPE, '{"name": "a"}'],
  ['a form with broken escapes', FORM_TYPE, 'name=%&%zz=%ff&=&&name=%c3%28'],
  ['a form with a NUL', FORM_TYPE, 'name=%00'],
  ['a form with half a character', FORM_TYPE, 'name=%ed%a0%80'],
  ['multipart without a boundary', 'multipart/form-data', 'x'],
  [
    'multipart without an end',
    'multipart/form-data; boundary=a',
    '--a\r\nContent-Disposition: form-data; name="json"\r\n\r\n{}',
  ],
  [
    'multipart with a broken part',
    'multipart/form-data; boundary=a',
    '--a\r\nContent-Disposition\r\n\r\n\r\n--a--\r\n',
  ],
  [
    'multipart with invalid JSON',
    'multipart/form-data; boundary=a',
    '--a\r\nContent-Disposition: form-data; name="json"\r\n\r\n[\r\n--a--\r\n',
  ],
]

const HEADERS: [what: string, headers: Record<string, string>][] = [
  ['an empty Authorization', { authorization: '' }],
  ['Basic alone', { authorization: 'Basic' }],
  ['Basic without base64', { authorization: 'Basic !!!' }],
  ['Basic without a colon', { authorization: `Basic ${btoa('dana')}` }],
  ['Basic with a NUL character', { authorization: `Basic ${btoa('dana:\0')}` }],
  ['Basic with SQL', { authorization: `Basic ${btoa("' or 1=1; --:x")}` }],
  ['Basic that is not UTF-8', { authorization: `Basic ${btoa('\xff:\xfe')}` }],
  ['another scheme', { authorization: 'Negotiate YII' }],
  ['a long Authorization', { authorization: `Basic ${btoa('a:'.repeat(8000))}` }],
  ['a broken cookie', { cookie: 'session=%00; session="; =; ;;' }],
  ['a long cookie', { cookie: `session=${'a'.repeat(8000)}` }],
]

const fixture = await openFixture()
after(() => fixture[Symbol.asyncDispose]())
// Disables the login throttle's delays, because the tests send more wrong tokens than it allows.
const { attempts } = fixture.t.frontend
fixture.t.frontend.attempts = { ...attempts, wait: () => 0 }
const { routes } = buildApi(fixture.t.frontend)

for (const route of routes) {
  const path = `/api_3${urlPath(route.path).replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => usualPath(fixture)[name] ?? 'x')}`
  const name = `${route.method} ${urlPath(route.path)}`

  if (route.method !== 'GET')
    test(`${name} answers malformed bodies without a server error`, async () => {
      // Each test has its own fixture, because one of the routes replaces the owner's token.
      await using own = await openFixture()
      for (const [what, type, body] of BODIES) {
        const headers = new Headers(own.as('owner'))
        if (type !== undefined) headers.set('content-type', type)
        await expectAnswer(
          what,
          await own.t.app.request(path, { method: route.method, headers, body }),
        )
      }
    })

  test(`${name} answers malformed headers without a server error`, async () => {
    for (const [what, headers] of HEADERS) {
      const response = await fixture.t.app.request(path, { method: route.method, headers })
      await expectAnswer(what, response)
      if (route.access !== 'anyone') assert.equal(response.status, 401, what)
    }
  })
}

/** Asserts that the status is not 5xx, and that an error has a message. */
async function expectAnswer(what: string, response: Response): Promise<void> {
  const text = await response.text()
  assert.ok(response.status < 500, `${what}: ${response.status} ${text.slice(0, 300)}`)
  if (response.status < 400) return
  const { error } = JSON.parse(text) as { error?: unknown }
  assert.ok(typeof error === 'string' && error !== '', what)
  assert.ok(text.length < 20_000, `${what}: an error of ${text.length} characters`)
}
