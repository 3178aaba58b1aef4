import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { urlEncodedFields } from './url-encoded.ts'

const SAMPLES = [
  '',
  'a',
  '=',
  '&&a=1&&',
  'a=1&a=2&b',
  'a=b=c',
  'a+b=c+%2B',
  '%61=%C3%A9%F0%9F%9A%80',
  'a=%&b=%z&c=%4&d=%zz%41',
  'a=%ff&b=%c3%28',
  '\uFEFFa=\uFEFFb',
]

for (const text of SAMPLES)
  test(`urlEncodedFields(${text}) follows the URL standard`, () => check(text))

test('urlEncodedFields() follows the URL standard for random text', () => {
  // The input is only ASCII, as clients send it. Other characters are not tested, because Node's own parser garbles them next to a lone
  // percent sign.
  const pieces = fc.constantFrom(
    'a',
    '%',
    '+',
    '&',
    '=',
    '4',
    'f',
    'G',
    '%41',
    '%c3%a9',
    '%ff',
    '/',
  )
  fc.assert(fc.property(fc.array(pieces), (parts) => check(parts.join(''))))
})

test(
  'urlEncodedFields() parses 8 MB of spaces, or of escapes, in linear time',
  { timeout: 20_000 },
  () => {
    for (const piece of ['+', 'a+', '%41', 'a%20'])
      assert.ok(
        (urlEncodedFields(Buffer.from(`a=${piece.repeat(2_000_000)}`))[0]?.[1].length ?? 0) >=
          2_000_000,
      )
  },
)

function check(text: string): void {
  assert.deepEqual(urlEncodedFields(Buffer.from(text)), [...new URLSearchParams(text)])
}
