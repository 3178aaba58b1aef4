import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMatch, namesInTag } from './match-package.ts'

const PUSH = {
  clone_url: 'https://git.example.org/lens.git',
  is_tag: false,
  ref: 'refs/heads/main',
  commit: 'abc',
  changed_files: ['pack/lens.spec', 'README'],
  sender: 'https://git.example.org/dana',
}
const TAG = { ...PUSH, is_tag: true, ref: 'lens-cap-1.4-2', commit: 'lens-cap-1.4-2' }

const pack = (name: string, source: object, more: object = {}) => ({
  name,
  source_type: 'scm' as const,
  source_json: { clone_url: 'https://git.example.org/lens', ...source },
  webhook_rebuild: true,
  ...more,
})

for (const [what, want, given, event] of [
  ['the same repository, with and without .git', true, pack('lens', {}), PUSH],
  ['another repository', false, pack('lens', { clone_url: 'https://git.example.org/len' }), PUSH],
  ['a package that is not rebuilt', false, pack('lens', {}, { webhook_rebuild: false }), PUSH],
  ['another source', false, pack('lens', {}, { source_type: 'pypi' }), PUSH],
  ['its branch', true, pack('lens', { committish: 'main' }), PUSH],
  ['another branch', false, pack('lens', { committish: 'next' }), PUSH],
  ['its folder', true, pack('lens', { subdirectory: './pack/' }), PUSH],
  ['another folder', false, pack('lens', { subdirectory: 'pac' }), PUSH],
  ['a push without changed files', false, pack('lens', {}), { ...PUSH, changed_files: [] }],
  ['a tag with its name', true, pack('lens-cap', {}), TAG],
  ['a tag with another name', false, pack('lens', {}), TAG],
] as const)
  test(`isMatch() returns ${want} for ${what}`, () =>
    assert.equal(isMatch(given, event, undefined), want))

test('isMatch() accepts any tag for the package in the URL', () => {
  assert.equal(isMatch(pack('lens', {}), { ...TAG, ref: 'v2' }, 'lens'), true)
})

for (const [tag, names] of [
  ['lens-1.4', ['lens', 'lens']],
  ['lens-cap-1.4-2', ['lens-cap-1.4', 'lens_cap_1.4', 'lens-cap', 'lens_cap']],
  ['v2', []],
  ['lens-beta', []],
] as const)
  test(`namesInTag(${tag}) returns [${names.join(', ')}]`, () =>
    assert.deepEqual(namesInTag(tag), names))
