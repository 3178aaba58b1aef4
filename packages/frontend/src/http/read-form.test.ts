import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import {
  formOf,
  jsonForm,
  MAX_FORM_BYTES,
  MAX_WEBHOOK_BYTES,
  readForm,
  SMALL_FORM_BYTES,
} from './read-form.ts'

test('jsonForm() treats null as "not sent"', () => {
  assert.deepEqual(jsonForm('{"a": null, "b": false}'), { b: false })
})

for (const [text, message] of [
  ['[1]', /not a JSON object/],
  ['{"a": ', /not valid JSON/],
  ['{"a": "\\u0000"}', /NUL/],
  ['{"a": {"b": ["\\ud800"]}}', /not valid Unicode/],
] as const)
  test(`jsonForm(${text}) is refused`, () => {
    assert.throws(() => jsonForm(text), message)
  })

test('jsonForm() keeps characters outside the Basic Multilingual Plane, escaped or not', () => {
  assert.deepEqual(jsonForm('{"a": "\\ud83d\\ude80 🚀"}'), { a: '🚀 🚀' })
})

test('formOf() collects the values of a repeated key in a list, and no key can set the prototype', () => {
  const form = formOf([
    ['a', '1'],
    ['a', '2'],
    ['__proto__', 'x'],
  ])
  assert.deepEqual(form['a'], ['1', '2'])
  assert.equal(({} as { x?: string }).x, undefined)
})

test('formOf() refuses NUL characters', () => {
  assert.throws(() => formOf([['a', 'b\0']]), /NUL/)
})

/** If formOf() copied the list of values for each entry, this would take 7,200,000,000 steps. */
test('formOf() reads a key that occurs 120,000 times in linear time', { timeout: 20_000 }, () => {
  const entries = Array.from({ length: 120_000 }, (_, i): [string, string] => ['a', String(i)])
  assert.deepEqual(
    formOf(entries)['a'],
    entries.map(([, value]) => value),
  )
})

const app = new Hono()
app.post('/', async (c) => c.json(await readForm(c, { max_bytes: MAX_WEBHOOK_BYTES })))
app.post('/form', async (c) => c.json(await readForm(c)))
app.post('/small', async (c) => c.json(await readForm(c, { max_bytes: SMALL_FORM_BYTES })))
app.onError((error, c) => c.text(error.message, 400))

const FORM = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data; boundary=x'
const part = (name: string): string =>
  `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n1\r\n`

for (const [what, type, body, message] of [
  ['8 MB of "a&"', FORM, 'a&'.repeat(4_000_000), /more than 2000 fields/],
  ['2,001 fields', FORM, Array.from({ length: 2001 }, (_, i) => `k${i}=1`).join('&'), /fields/],
  ['2,001 parts', MULTIPART, `${part('a').repeat(2001)}--x--\r\n`, /more than 2000 fields/],
  ['a body of hyphens', MULTIPART, '-'.repeat(8_000_000), /multipart/],
  ['300,000 JSON keys', 'application/json', jsonOfKeys(300_000), /more than 200000 values/],
  [
    '4,000,000 nested lists',
    'application/json',
    nested(4_000_000),
    /nested more than 64 levels deep/,
  ],
  [
    '65 nested objects',
    'application/json',
    `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`,
    /64 levels deep/,
  ],
  ['another content type', 'text/plain', '{"a": 1}', /text\/plain/],
] as const)
  test(`readForm() refuses ${what} quickly`, { timeout: 20_000 }, async () => {
    const headers = { 'content-type': type }
    const response = await app.request('/', { method: 'POST', headers, body })
    assert.equal(response.status, 400)
    assert.match(await response.text(), message)
  })

test('readForm() accepts 2,000 fields, JSON with 64 levels, and brackets within strings', async () => {
  const fields = Array.from({ length: 2000 }, () => 'a=1').join('&')
  const brackets = `{"a":"${String.raw`[{,\"[`.repeat(200_000)}"}`
  for (const [type, body] of [
    [FORM, fields],
    ['application/json', `${'{"a":'.repeat(64)}1${'}'.repeat(64)}`],
    ['application/json', brackets],
  ] as const) {
    const headers = { 'content-type': type }
    const response = await app.request('/', { method: 'POST', headers, body })
    assert.equal(response.status, 200, (await response.text()).slice(0, 200))
  }
})

for (const [path, limit] of [
  ['/small', SMALL_FORM_BYTES],
  ['/form', MAX_FORM_BYTES],
] as const)
  test(`readForm() reads at most ${limit} bytes`, async () => {
    const headers = { 'content-type': FORM }
    const post = (length: number): Promise<Response> | Response =>
      app.request(path, { method: 'POST', headers, body: `a=${'b'.repeat(length - 2)}` })
    assert.equal((await post(limit)).status, 200)
    assert.match(await (await post(limit + 1)).text(), new RegExp(`longer than ${limit} bytes`))
  })

test('readForm() refuses a body by its Content-Length without reading it', async () => {
  let was_read = false
  const body = new ReadableStream(
    {
      pull(controller) {
        was_read = true
        controller.error(new Error('It was read'))
      },
    },
    { highWaterMark: 0 },
  )
  const headers = { 'content-type': FORM, 'content-length': String(SMALL_FORM_BYTES + 1) }
  const answer = await app.request('/small', { method: 'POST', headers, body, duplex: 'half' })
  assert.match(await answer.text(), /longer than 65536 bytes/)
  assert.equal(was_read, false)
})

function jsonOfKeys(count: number): string {
  return `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`
}

function nested(depth: number): string {
  return `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
}
