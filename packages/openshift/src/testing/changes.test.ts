import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges, changesBetween, type Changes } from './changes.ts'

const CASES: [title: string, before: unknown, after: unknown, want: Changes][] = [
  ['a value', { a: { b: 1 } }, { a: { b: 2 } }, { 'a.b': { was: 1, is: 2 } }],
  ['no value', { a: 1 }, { a: 1 }, {}],
  ['a key that is gone and a new one', { a: 1 }, { b: null }, { a: { was: 1 }, b: { is: null } }],
  ['a key with dots', { 'x/y.z': 1 }, { 'x/y.z': 2 }, { '["x/y.z"]': { was: 1, is: 2 } }],
  ['a key with quotes', { 'a"]': 1 }, { 'a"]': 2 }, { '["a\\"]"]': { was: 1, is: 2 } }],
  [
    'elements with names',
    { list: [{ name: 'a' }, { name: 'b', x: 1 }] },
    { list: [{ name: 'b', x: 2 }, { name: 'c' }] },
    {
      'list[0]': { was: [{ name: 'a' }] },
      'list[b].x': { was: 1, is: 2 },
      'list[2]': { is: [{ name: 'c' }] },
    },
  ],
  [
    'elements of one name',
    {
      list: [
        { name: 'a', x: 1 },
        { name: 'a', x: 2 },
      ],
    },
    {
      list: [
        { name: 'a', x: 1 },
        { name: 'a', x: 3 },
        { name: 'a', x: 4 },
      ],
    },
    { 'list[1].x': { was: 2, is: 3 }, 'list[2]': { is: [{ name: 'a', x: 4 }] } },
  ],
  [
    'other elements',
    { list: [1, 2, 3, 4] },
    { list: [0, 1, 4] },
    { 'list[0]': { is: [0] }, 'list[1]': { was: [2, 3] } },
  ],
  ['an empty list', { list: [] }, { list: [[]] }, { 'list[0]': { is: [[]] } }],
  ['another type', { a: [] }, { a: {} }, { a: { was: [], is: {} } }],
  [
    'lines',
    { text: 'one\ntwo\n\nfour\n' },
    { text: 'zero\none\nfour\n' },
    { 'text line 1': { is: 'zero' }, 'text line 2': { was: 'two\n' } },
  ],
  ['an empty line', { a: 'x\ny' }, { a: 'x\n\ny' }, { 'a line 2': { is: '' } }],
]

for (const [title, before, after, want] of CASES)
  test(`changesBetween() finds ${title}, and applyChanges() restores the second value`, () => {
    const changes = changesBetween(before, after)
    assert.deepEqual(changes, want)
    assert.deepEqual(applyChanges(before, changes), after)
  })

for (const [title, before, changes] of [
  ['a value that the change does not name', { a: 3 }, { a: { was: 1, is: 2 } }],
  ['elements that the change does not name', { a: [3] }, { 'a[0]': { was: [1], is: [2] } }],
  ['lines that the change does not name', { a: 'x\ny' }, { 'a line 1': { was: 'z' } }],
  ['a path of another syntax', { a: 1 }, { 'a[': { is: 2 } }],
] as const)
  test(`applyChanges() refuses ${title}`, () =>
    assert.throws(() => applyChanges(before, changes), /Cannot apply the change at a/))
