import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { test } from 'node:test'
import { mutated } from './mutations/mutation.ts'
import { MUTATIONS } from './mutations/mutations.ts'

const root = new URL('../', import.meta.url)

test('each mutation has a unique name', () => {
  assert.ok(MUTATIONS.length >= 42, `${MUTATIONS.length} mutations`)
  assert.equal(new Set(MUTATIONS.map(({ name }) => name)).size, MUTATIONS.length)
})

for (const mutation of MUTATIONS)
  test(`the mutation ${mutation.name} applies to the code, and names existing tests`, () => {
    const source = readFileSync(new URL(mutation.file, root), 'utf8')
    const changed = mutated(source, mutation)
    assert.notEqual(changed, source)
    assert.doesNotThrow(() => stripTypeScriptTypes(changed))
    assert.ok(mutation.tests.length > 0)
    for (const path of mutation.tests) assert.ok(existsSync(new URL(path, root)), path)
  })

test('mutated() throws if the text to replace does not occur exactly once', () => {
  const mutation = { name: 'm', file: 'f.ts', find: 'a', replace: 'b', breaks: '', tests: [] }
  assert.equal(mutated('a $& c', mutation), 'b $& c')
  assert.throws(() => mutated('c', mutation), /occurs 0 times in f\.ts/)
  assert.throws(() => mutated('a a', mutation), /occurs 2 times in f\.ts/)
})
