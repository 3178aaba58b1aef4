import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkedFileName, checkedToken, removalPath, resultPath, srpmPath } from './paths.ts'

const place = { ownername: '@group', dirname: 'telescope:pr:12', chroot: 'debian-12-x86_64' }

test('paths have the layout that clients expect', () => {
  assert.equal(
    resultPath({ ...place, result_dir: '00000012-g++' }),
    '@group/telescope:pr:12/debian-12-x86_64/00000012-g++',
  )
  assert.equal(
    srpmPath({ ...place, build_id: 123456789 }),
    '@group/telescope:pr:12/srpm-builds/123456789',
  )
})

for (const path of [
  'dana',
  'dana/..',
  '../dana',
  'dana/telescope/',
  'dana/telescope/..',
  'dana/telescope/debian-12-x86_64/..',
  'dana/telescope/debian-12-x86_64/hello',
  'dana/telescope/debian-12-x86_64/00000001-hello/x',
  'dana/telescope/srpm-builds',
  'dana/telescope/srpm-builds/x',
  '/dana/telescope',
  'dana/telescope\0',
  'dana/telescope/repodata',
  '',
])
  test(`removalPath(${JSON.stringify(path)}) is refused`, () =>
    assert.throws(() => removalPath(path), { kind: 'invalid' }))

for (const path of [
  'dana/telescope',
  'dana/telescope:pr:1/debian-12-x86_64',
  'dana/telescope/debian-12-x86_64/00000001-hello',
  'dana/telescope/srpm-builds/00000001',
])
  test(`removalPath(${path}) is the same path`, () => assert.equal(removalPath(path), path))

test('unsafe file names and tokens are refused', () => {
  for (const name of ['..', '.x', 'a/b', '', 'a\n', '-x', 'a b'])
    assert.throws(() => checkedFileName(name), { kind: 'invalid' }, name)
  for (const token of ['..', 'a/b', '', 'a.b', '-a'])
    assert.throws(() => checkedToken(token), token)
})
