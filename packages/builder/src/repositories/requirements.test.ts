import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Requirement } from '@copr/rpm/package-info'
import { checkRequirements, namesRequired, shortened } from './requirements.ts'

const named = (name: string): Requirement => ({ name, comparison: '', version: '' })
const versioned = (name: string, version: string): Requirement => ({
  name,
  comparison: '>=',
  version,
})

test('checkRequirements() accepts everything that a spec can require', () => {
  checkRequirements([
    named('foo[bar]'),
    named('foo*'),
    named('-x'),
    named('http://example.com/x'),
    named('(a or (b and c))'),
    named('größe'),
    versioned('foo', '1:2-3'),
    named('x'.repeat(64 * 1024)),
    ...Array.from({ length: 5000 }, (_, i) => named(`dependency(${i})`)),
  ])
})

for (const [one, reason] of [
  [named(''), /Cannot install "": the name is empty/],
  [named('foo\nbar'), /Cannot install "foo\\nbar": it contains control characters/],
  [named('foo\u0000'), /it contains control characters/],
  [named('foo\u2028bar'), /it contains control characters/],
  [named('foo\uFFFD'), /or is not UTF-8/],
  [versioned('foo', '1\t2'), /Cannot install "foo": it contains control characters/],
  [versioned('foo', ''), /Cannot install "foo": "" is not a version/],
  [versioned('foo', '1 2'), /"1 2" is not a version/],
  [versioned('(a or b)', '1'), /a rich dependency cannot have a version/],
  [named('(a or'), /Cannot install "\(a or": .* a dependency is missing|a closing parenthesis/],
  [named('(a and b or c)'), /'or' cannot follow 'and'/],
  [named('('.repeat(30_000)), /^Cannot install "\({200}…": .* 100 levels deep$/],
  [
    named('x'.repeat(64 * 1024 + 1)),
    /^Cannot install "x{200}…": it is longer than 65536 characters$/,
  ],
] as const)
  test(`checkRequirements() refuses ${JSON.stringify(shortened(one.name).slice(0, 20))} ${one.version}`, () =>
    assert.throws(() => checkRequirements([named('make'), one]), {
      name: 'BuildFailure',
      message: reason,
    }))

test('checkRequirements() limits the number and the size of requirements', () => {
  const many = Array.from({ length: 10_001 }, (_, i) => named(`d${i}`))
  assert.throws(() => checkRequirements(many), /Cannot install 10001 requirements: the limit is/)
  const large = Array.from({ length: 20 }, (_, i) => named(`${i}`.padStart(60_000, 'x')))
  assert.throws(() => checkRequirements(large), /requirements of 1200000 characters: the limit is/)
})

test('namesRequired() also returns the names inside rich dependencies', () => {
  const rich = named('(gcc >= 12 or (pkgconfig(zlib) with zlib[static] < 2))')
  assert.deepEqual(namesRequired([versioned('make', '4'), rich]), [
    'make',
    'gcc',
    'pkgconfig(zlib)',
    'zlib[static]',
  ])
})
