import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ForgeEvent } from './forges/forge-event.ts'
import { isSourceOf, matchPackage, namesInTag } from './match-package.ts'

const PUSH: ForgeEvent = {
  kind: 'push',
  urls: ['https://git.example.org/lens.git'],
  ref: 'refs/heads/main',
  committish: 'abc',
  sha: 'abc',
  changed_files: ['pack/lens.spec', 'README'],
  sender: 'https://git.example.org/dana',
}
const tag = (ref: string): ForgeEvent => ({ ...PUSH, kind: 'tag', ref, committish: ref })
const pullRequest = (source: string, ref = 'main'): ForgeEvent => ({
  ...PUSH,
  kind: 'pull_request',
  ref,
  changed_files: undefined,
  pull_request: { number: 7, source_urls: [source] },
})

const pack = (name: string, source: object, more: object = {}) => ({
  name,
  source_json: { clone_url: 'https://git.example.org/lens', ...source },
  webhook_rebuild: true,
  ...more,
})
const OWN = 'ssh://git@git.example.org/lens'
const FORK = 'https://git.example.org/eve/lens'

for (const [want, given, event, allowed = 'all', named] of [
  ['refs/heads/main at abc', pack('lens', {}), PUSH],
  ['refs/heads/main at abc', pack('lens', { committish: 'main' }), PUSH],
  ['refs/heads/main at abc', pack('lens', { committish: 'refs/heads/main' }), PUSH],
  ['refs/heads/main at abc', pack('lens', { subdirectory: './pack/' }), PUSH],
  [
    'refs/heads/main at abc; the forge does not list all changed files',
    pack('lens', { subdirectory: 'other' }),
    { ...PUSH, changed_files: undefined },
  ],
  ['tag lens-cap-1.4-2', pack('lens-cap', {}), tag('lens-cap-1.4-2')],
  ['tag v2, as the webhook URL names the package', pack('lens', {}), tag('v2'), 'all', 'lens'],
  ['pull request 7 at abc', pack('lens', {}), pullRequest(FORK)],
  ['pull request 7 at abc', pack('lens', { committish: 'main' }), pullRequest(OWN), 'own'],
  ['!auto-rebuild of the package is off', pack('lens', {}, { webhook_rebuild: false }), PUSH],
  [
    '!ref refs/heads/main does not end with the committish next',
    pack('lens', { committish: 'next' }),
    PUSH,
  ],
  [
    '!the push to refs/heads/main changes no file in the subdirectory pac',
    pack('lens', { subdirectory: 'pac' }),
    PUSH,
  ],
  [
    '!the push to refs/heads/main changes no files',
    pack('lens', {}),
    { ...PUSH, changed_files: [] },
  ],
  [
    "!tag v2 does not match lens-VERSION or lens-VERSION-RELEASE, and the webhook URL does not end with the package's name",
    pack('lens', {}),
    tag('v2'),
    'all',
    'lens-cap',
  ],
  ['!the project does not build pull requests', pack('lens', {}), pullRequest(OWN), 'none'],
  [
    '!pull request 7 is from another repository, and the project does not build those',
    pack('lens', {}),
    pullRequest(FORK),
    'own',
  ],
  [
    '!pull request 7 is for the branch next, which does not end with the committish main',
    pack('lens', { committish: 'main' }),
    pullRequest(FORK, 'next'),
  ],
] as const)
  test(`matchPackage() decides: ${want}`, () => {
    const { isBuilt, reason } = matchPackage(given, event, { named, pull_requests: allowed })
    assert.equal(`${isBuilt ? '' : '!'}${reason}`, want)
  })

test('isSourceOf() compares the clone URL of the package with every URL of the event', () => {
  const urls = ['https://git.example.org:3000/lens', 'git@git.example.org:lens.git']
  assert.equal(isSourceOf({ urls }, pack('lens', {})), true)
  assert.equal(isSourceOf({ urls }, pack('lens', { clone_url: FORK })), false)
  assert.equal(isSourceOf({ urls }, pack('lens', { clone_url: undefined })), false)
})

for (const [name, names] of [
  ['lens-1.4', ['lens', 'lens']],
  ['lens-cap-1.4-2', ['lens-cap-1.4', 'lens_cap_1.4', 'lens-cap', 'lens_cap']],
  ['v2', []],
  ['lens-beta', []],
] as const)
  test(`namesInTag(${name}) returns [${names.join(', ')}]`, () =>
    assert.deepEqual(namesInTag(name), names))
