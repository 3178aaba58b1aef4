import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingPrograms, missingSentence } from './programs.ts'

for (const [manager, sentence] of [
  ['apt', 'Programs are missing: xip, rpmbuild, flock; run "apt-get install xip rpm util-linux"'],
  ['dnf', 'Programs are missing: xip, rpmbuild, flock; run "dnf install xip rpm-build util-linux"'],
] as const)
  test(`missingSentence() names missing programs and the packages of ${manager}`, () =>
    assert.equal(missingSentence(['xip', 'rpmbuild', 'flock'], { manager, path: '' }), sentence))

test('missingSentence() names the packages for both apt and dnf if the package manager is unknown', () =>
  assert.equal(
    missingSentence(['createrepo_c'], { manager: undefined, path: '' }),
    'Programs are missing: createrepo_c; install the packages that "apt-get install createrepo-c" or "dnf install createrepo_c" would install',
  ))

test('missingSentence() reports a program that exists only outside PATH', () => {
  assert.deepEqual(missingPrograms(['sh', 'no-such-program'], '/nowhere:/bin'), ['no-such-program'])
  assert.match(
    missingSentence(['sh'], { manager: 'apt', path: '/usr/bin:/bin' }),
    /^Programs are not in PATH: sh; run export PATH="\$PATH:/,
  )
})
