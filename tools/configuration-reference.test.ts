import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { configurationReference } from './configuration-reference.ts'

const FILE = new URL('../docs/administration/reference.md', import.meta.url)

test('docs/administration/reference.md is up to date (make schema)', () => {
  assert.equal(readFileSync(FILE, 'utf8'), configurationReference())
})

test('the reference describes every configuration key', () => {
  const empty = configurationReference().match(/^\| `.*\| *\|$/gm)
  assert.equal(empty, null)
})
