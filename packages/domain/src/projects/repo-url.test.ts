import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandRepo, parseCoprUrl, repoIdOf } from './repo-url.ts'

const WHERE = { chroot: 'centos-stream-10-x86_64', results_url: 'https://r.example.org/results' }

for (const [url, baseurl, priority] of [
  ['https://a.example.org/', 'https://a.example.org/', null],
  [
    'https://a.example.org/$chroot/$distname',
    'https://a.example.org/centos-stream-10-x86_64/centos-stream',
    null,
  ],
  ['https://a.example.org/?priority=20', 'https://a.example.org/', 20],
  ['https://a.example.org/?a=1&priority=20', 'https://a.example.org/?a=1', 20],
  ['https://a.example.org/?priority=20&a=1', 'https://a.example.org/?a=1', 20],
  ['https://a.example.org/?priority=low', 'https://a.example.org/?priority=low', null],
  ['copr://dana/libs', 'https://r.example.org/results/dana/libs/centos-stream-10-x86_64/', null],
  [
    'copr://@orbit/libs:pr:7?priority=3',
    'https://r.example.org/results/@orbit/libs:pr:7/centos-stream-10-x86_64/',
    3,
  ],
] as const)
  test(`expandRepo() expands ${url}`, () => {
    const repo = expandRepo(url, WHERE)
    assert.deepEqual([repo.baseurl, repo.priority], [baseurl, priority])
  })

test('parseCoprUrl() returns owner and directory', () => {
  assert.deepEqual(parseCoprUrl('copr://@orbit/libs/'), { owner: '@orbit', dirname: 'libs' })
  for (const other of ['https://a.example.org/b/c', 'copr://orbit', 'copr://a/b/c'])
    assert.equal(parseCoprUrl(other), undefined)
})

test('repoIdOf() keeps letters and digits', () => {
  assert.equal(
    repoIdOf('https://deps.example.org/?priority=20'),
    'https_deps_example_org_priority_20',
  )
})
