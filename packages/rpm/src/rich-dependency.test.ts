import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { RpmFormatError } from './errors.ts'
import { formatDependency } from './package-info.ts'
import { richOperands } from './rich-dependency.ts'
import { missingTools, run, temporaryDirectory } from './testing/real-rpm.ts'

const GOOD: Record<string, string[]> = {
  '(a)': ['a'],
  '(gcc >= 12 or clang)': ['gcc >= 12', 'clang'],
  '(a or b or c)': ['a', 'b', 'c'],
  '( a , or  b )': ['a', 'b'],
  '(pkgconfig(zlib) >= 1.2 or zlib-devel)': ['pkgconfig(zlib) >= 1.2', 'zlib-devel'],
  '(python3dist(build[virtualenv]) with python3dist(x) < 2~~)': [
    'python3dist(build[virtualenv])',
    'python3dist(x) < 2~~',
  ],
  '((crate(a) >= 1 with crate(a) < 2~) or (b and c))': ['crate(a) >= 1', 'crate(a) < 2~', 'b', 'c'],
  '(x if (y or z) else w = 1:2-3)': ['x', 'y', 'z', 'w = 1:2-3'],
  '(/usr/bin/cc without gcc)': ['/usr/bin/cc', 'gcc'],
  '(a or or)': ['a', 'or'],
}

const BAD: Record<string, RegExp> = {
  '()': /a dependency is missing/,
  '(a or)': /a dependency is missing/,
  '(a or': /a closing parenthesis is missing/,
  '(a or b': /a closing parenthesis is missing/,
  '((a or b)': /a closing parenthesis is missing/,
  '(a b)': /"b" is not an operator/,
  '(a >= )': /a version is missing/,
  '(a and b or c)': /'or' cannot follow 'and' without parentheses/,
  '(a if b if c)': /'if' cannot follow 'if'/,
  '(a without b without c)': /'without' cannot follow 'without'/,
  '(a if b else c else d)': /'else' cannot follow 'else'/,
}

for (const [text, operands] of Object.entries(GOOD))
  test(`richOperands() finds ${operands.join(' and ')} in ${text}`, () =>
    assert.deepEqual(richOperands(text).map(formatDependency), operands))

for (const [text, reason] of Object.entries(BAD))
  test(`richOperands() refuses ${text}`, () =>
    assert.throws(() => richOperands(text), { name: 'RpmFormatError', message: reason }))

test('richOperands() refuses text outside of the parentheses', () => {
  for (const text of ['(a or b) c', '(a))', 'a', '', '>= 1'])
    assert.throws(() => richOperands(text), RpmFormatError, text)
})

test('richOperands() refuses deep nesting, and terminates for any long text', () => {
  const nested = (depth: number): string => `${'('.repeat(depth)}a${')'.repeat(depth)}`
  assert.equal(richOperands(nested(100)).length, 1)
  assert.throws(() => richOperands(nested(101)), /nested more than 100 levels deep/)
  for (const piece of ['(', ')', 'a(', '(a', '(a or ', '(a or b) and ', ' ', ',', 'a >= '])
    assert.throws(() => richOperands(`(${piece.repeat(500_000 / piece.length)}`), RpmFormatError)
  assert.equal(richOperands(`(${'a or '.repeat(10_000)}a)`).length, 10_001)
})

test(
  'rpm accepts and refuses the same rich dependencies as richOperands()',
  { skip: missingTools('rpmspec') },
  async () => {
    await using dir = await temporaryDirectory()
    const accepts = async (text: string): Promise<boolean> => {
      const spec = join(dir.path, 'a.spec')
      const head = 'Name: a\nVersion: 1\nRelease: 1\nSummary: A\nLicense: MIT\n'
      await writeFile(spec, `${head}Requires: ${text}\n%description\nA.\n%files\n`)
      try {
        run('rpmspec', ['-q', '--requires', spec])
        return true
      } catch {
        return false
      }
    }
    for (const text of Object.keys(GOOD)) assert.ok(await accepts(text), text)
    for (const text of Object.keys(BAD)) assert.ok(!(await accepts(text)), text)
  },
)
