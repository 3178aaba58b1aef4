import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rpmDependency, rpmVersion } from './version.ts'

for (const [debian, version, release] of [
  ['1.2.13.dfsg-1', '1.2.13.dfsg', '1'],
  ['1:5.0-5', '5.0', '5'],
  ['2.4.7-7~deb12u1', '2.4.7', '7~deb12u1'],
  ['1.2-rc1-3+b1', '1.2.rc1', '3+b1'],
  ['2.0.2+~cs1.3.2-3', '2.0.2+cs1.3.2', '3'],
  ['20220109.1', '20220109.1', '0'],
] as const)
  test(`rpmVersion(${debian}) is ${version}-${release}`, () =>
    assert.deepEqual(rpmVersion(debian), { version, release }))

for (const [operator, bound, present, want] of [
  ['>=', '2.34', '2.36-9', 'x >= 2.34'],
  ['>>', '2.36', '2.36-9', 'x >= 2.36'],
  ['<<', '2.37', '2.36-9', 'x < 2.37'],
  ['<<', '1:2.39.5-.', '1:2.39.5-0+deb12u3', 'x <= 2.39.5'],
  ['=', '4:12.2.0-3', '4:12.2.0-3', 'x = 12.2.0-3'],
  ['>=', '9', '1:5.0-5', 'x'],
] as const)
  test(`rpmDependency(x ${operator} ${bound}) with ${present} present is "${want}"`, () =>
    assert.equal(rpmDependency('x', operator, bound, present), want))

test('rpmDependency() includes the epoch of the required RPM', () =>
  assert.equal(rpmDependency('perl', '=', '5.36.0-7', '5.36.0-7', 4), 'perl = 4:5.36.0-7'))
