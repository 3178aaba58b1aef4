import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSameRepository, pathOnForge } from './repository-url.ts'

const LENS = 'https://git.example.org/dana/lens.git'

for (const [want, other] of [
  [true, 'https://git.example.org/dana/lens'],
  [true, 'https://git.example.org/dana/lens.git/'],
  [true, 'http://git.example.org/dana/lens'],
  [true, 'https://GIT.example.org:443/dana/lens'],
  [true, 'https://dana:token@git.example.org/dana/lens'],
  [true, 'git@git.example.org:dana/lens.git'],
  [true, 'git.example.org:dana/lens'],
  [true, 'git@git.example.org:/dana/lens.git'],
  [true, 'ssh://git@git.example.org/dana/lens.git'],
  [true, 'ssh://git@git.example.org:22/dana/lens.git'],
  [true, 'git+ssh://git.example.org/dana/lens'],
  [true, 'git://git.example.org/dana/lens.git'],
  [true, ' https://git.example.org/dana/lens '],
  [false, 'https://git.example.org/dana/len'],
  [false, 'https://git.example.org/Dana/lens'],
  [false, 'https://git.example.org/kim/lens'],
  [false, 'https://git.example.org.evil.example/dana/lens'],
  [false, 'https://git.example.org:8443/dana/lens'],
  [false, 'git@other.example.org:dana/lens.git'],
  [false, 'https://git.example.org@evil.example/dana/lens'],
  [false, ''],
  [false, 'dana/lens'],
  [false, 'https://'],
] as const)
  test(`isSameRepository() is ${want} for ${JSON.stringify(other)}`, () => {
    assert.equal(isSameRepository(LENS, other), want)
    assert.equal(isSameRepository(other, LENS), want)
  })

test('isSameRepository() is false for two empty URLs', () =>
  assert.equal(isSameRepository('', ' '), false))

for (const [repository, forge, want] of [
  [LENS, 'https://git.example.org', 'dana/lens'],
  ['git@git.example.org:dana/lens.git', 'https://git.example.org:3000/', 'dana/lens'],
  ['https://example.org/gitlab/group/sub/lens', 'https://example.org/gitlab', 'group/sub/lens'],
  ['https://example.org/gitlabs/lens', 'https://example.org/gitlab', undefined],
  [LENS, 'https://other.example.org', undefined],
  ['lens', 'https://git.example.org', undefined],
] as const)
  test(`pathOnForge(${repository}, ${forge}) returns ${want}`, () =>
    assert.equal(pathOnForge(repository, forge), want))
