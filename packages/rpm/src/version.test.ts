import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RpmFormatError } from './errors.ts'
import { randomNumbers } from './testing/random.ts'
import { missingTools, run, temporaryDirectory } from './testing/real-rpm.ts'
import { compareEvr, compareVersions, formatEvr, formatNevra, parseEvr } from './version.ts'

const CASES = [
  ['1.0', '1.0', 0],
  ['1.0', '2.0', -1],
  ['2.0.1', '2.0', 1],
  ['2.0.1a', '2.0.1', 1],
  ['5.5p1', '5.5p10', -1],
  ['10xyz', '10.1xyz', -1],
  ['xyz10', 'xyz10.1', -1],
  ['xyz.4', '8', -1],
  ['5.5p2', '5.6p1', -1],
  ['6.5p1', '5.6p1', 1],
  ['6.0.rc1', '6.0', 1],
  ['10b2', '10a1', 1],
  ['1.0aa', '1.0a', 1],
  ['10.0001', '10.1', 0],
  ['10.0001', '10.0039', -1],
  ['4.999.9', '5.0', -1],
  ['20101122', '20101121', 1],
  ['2_0', '2.0', 0],
  ['a+', 'a_', 0],
  ['+', '_', 0],
  ['1.0~rc1', '1.0', -1],
  ['1.0~rc1~git123', '1.0~rc1', -1],
  ['1.0^', '1.0', 1],
  ['1.0^git1', '1.0', 1],
  ['1.0^git1', '1.01', -1],
  ['1.0^20160101', '1.0.1', -1],
  ['1.0~rc1^git1', '1.0~rc1', 1],
  ['1.0^git1~pre', '1.0^git1', -1],
  ['99999999999999999999', '100000000000000000000', -1],
  ['', '', 0],
  ['', '1', -1],
] as const

for (const [a, b, want] of CASES)
  test(`compareVersions('${a}', '${b}') is ${want}`, () => {
    assert.equal(compareVersions(a, b), want)
    assert.equal(compareVersions(b, a), want === 0 ? 0 : -want)
  })

test('compareVersions() is fast for long numbers', () => {
  assert.equal(compareVersions(`1${'0'.repeat(1_000_000)}`, '9'.repeat(1_000_000)), 1)
})

test(
  'compareVersions() agrees with rpm on random pairs',
  { skip: missingTools('rpm') },
  async () => {
    await using dir = await temporaryDirectory()
    const pairs = randomPairs(20_000)
    const path = join(dir.path, 'pairs')
    writeFileSync(path, pairs.map((pair) => `${pair.join(' ')}\n`).join(''))
    const script = `for l in io.lines('${path}') do local a, b = l:match('(%S+) (%S+)') print(rpm.vercmp(a, b) .. ' ') end`
    const answers = run('rpm', ['--eval', `%{lua:${script}}`])
      .trim()
      .split(/\s+/)
    assert.equal(answers.length, pairs.length)
    for (const [i, [a, b]] of pairs.entries())
      assert.equal(compareVersions(a, b), Number(answers[i]), `${a} and ${b}`)
  },
)

function randomPairs(count: number): [string, string][] {
  const next = randomNumbers(42)
  const pieces = [
    '0',
    '1',
    '2',
    '10',
    '01',
    '001',
    'a',
    'b',
    'rc',
    'Z',
    '.',
    '.',
    '_',
    '+',
    '~',
    '^',
    'ü',
  ]
  const version = (): string =>
    Array.from({ length: 1 + next(6) }, () => pieces[next(pieces.length)]).join('')
  return Array.from({ length: count }, () => [version(), version()])
}

const EVRS = [
  ['1.0-1', { epoch: null, version: '1.0', release: '1' }],
  ['2:1.0-1.fc43', { epoch: 2, version: '1.0', release: '1.fc43' }],
  ['0:1-2-3', { epoch: 0, version: '1-2', release: '3' }],
  ['1.0', { epoch: null, version: '1.0', release: '' }],
  [':1.0-1', { epoch: 0, version: '1.0', release: '1' }],
  ['', { epoch: null, version: '', release: '' }],
] as const
for (const [text, evr] of EVRS)
  test(`parseEvr() parses '${text}'`, () => assert.deepEqual(parseEvr(text), evr))

test('parseEvr() refuses an epoch beyond 32 bits', () => {
  assert.throws(() => parseEvr('4294967296:1-1'), RpmFormatError)
})

test('compareEvr() compares epoch, version and release in this order', () => {
  const sorted = ['1.0-2', '0:1.0-10', '1.1~rc1-1', '1.1-1', '1:0.1-1', '10:0.0-1']
  const evrs = sorted.map(parseEvr)
  assert.deepEqual(evrs.toReversed().toSorted(compareEvr).map(formatEvr), sorted)
  assert.equal(compareEvr(parseEvr('0:1-1'), parseEvr('1-1')), 0)
})

test('formatNevra() shows an epoch only if there is one', () => {
  const nvra = { name: 'hello', version: '1.0', release: '1', arch: 'noarch' }
  assert.equal(formatNevra({ ...nvra, epoch: null }), 'hello-1.0-1.noarch')
  assert.equal(formatNevra({ ...nvra, epoch: 2 }), 'hello-2:1.0-1.noarch')
})
