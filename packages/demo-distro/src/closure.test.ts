import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closureOf, parseDepends } from './closure.ts'
import type { DebianPackage } from './debian-packages.ts'

function debian(name: string, depends = '', provides = ''): [string, DebianPackage] {
  return [name, { name, version: '1-1', noarch: false, depends, provides, summary: name }]
}

const NOTHING_IGNORED = { everywhere: new Set<string>(), of: {} }

test('parseDepends() splits alternatives, bounds and architectures', () => {
  assert.deepEqual(parseDepends('a (>= 1:2-3) | b, perl:any'), [
    [{ name: 'a', operator: '>=', version: '1:2-3' }, { name: 'b' }],
    [{ name: 'perl' }],
  ])
})

test('closureOf() follows dependencies, tolerates cycles and resolves virtual packages', () => {
  const available = new Map([
    debian('a', 'b, awk'),
    debian('b', 'a'),
    debian('mawk', '', 'awk'),
    debian('z'),
  ])
  const { packages, missing } = closureOf(['a'], available, NOTHING_IGNORED)
  assert.deepEqual([[...packages.keys()].toSorted(), [...missing]], [['a', 'b', 'mawk'], []])
})

test('closureOf() chooses the alternative that exists', () => {
  const available = new Map([debian('a', 'absent | b'), debian('b')])
  assert.ok(closureOf(['a'], available, NOTHING_IGNORED).packages.has('b'))
})

test('closureOf() reports missing packages, and skips ignored ones', () => {
  const available = new Map([debian('a', 'debconf (>= 1) | c, d')])
  const { missing } = closureOf(['a'], available, { everywhere: new Set(['debconf']), of: {} })
  assert.deepEqual([...missing], ['d'])
})
