import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formOf, jsonForm } from './read-form.ts'

test('jsonForm() takes null for "not sent"', () => {
  assert.deepEqual(jsonForm('{"a": null, "b": false}'), { b: false })
})

for (const [text, message] of [
  ['[1]', /not a JSON object/],
  ['{"a": ', /not valid JSON/],
  ['{"a": "\\u0000"}', /NUL/],
  ['{"a": {"b": ["\\ud800"]}}', /broken characters/],
] as const)
  test(`jsonForm(${text}) is refused`, () => {
    assert.throws(() => jsonForm(text), message)
  })

test('jsonForm() keeps characters beyond the first plane, however they are written', () => {
  assert.deepEqual(jsonForm('{"a": "\\ud83d\\ude80 🚀"}'), { a: '🚀 🚀' })
})

test('formOf() makes a list of a key that comes again, and no key a prototype', () => {
  const form = formOf([
    ['a', '1'],
    ['a', '2'],
    ['__proto__', 'x'],
  ])
  assert.deepEqual(form['a'], ['1', '2'])
  assert.equal(({} as { x?: string }).x, undefined)
})

test('formOf() refuses NUL', () => {
  assert.throws(() => formOf([['a', 'b\0']]), /NUL/)
})
