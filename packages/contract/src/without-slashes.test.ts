import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutSlashes } from './without-slashes.ts'

test('withoutSlashes() removes all trailing slashes', () => {
  for (const [text, want] of [
    ['https://a.example/b//', 'https://a.example/b'],
    ['https://a.example/b', 'https://a.example/b'],
    ['///', ''],
    ['', ''],
  ] as const)
    assert.equal(withoutSlashes(text), want)
  const many = '/'.repeat(2_000_000)
  assert.equal(withoutSlashes(`${many}x`), `${many}x`)
  assert.equal(withoutSlashes(`x${many}`), 'x')
})
