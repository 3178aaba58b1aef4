import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPrivateAddress, publicAddresses } from './public-address.ts'

for (const [address, want] of [
  ['127.0.0.1', true],
  ['169.254.169.254', true],
  ['10.1.2.3', true],
  ['172.31.0.1', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['fe80::1', true],
  ['fd00:ec2::254', true],
  ['8.8.8.8', false],
  ['172.32.0.1', false],
  ['2606:4700::1', false],
] as const)
  test(`isPrivateAddress(${address}) is ${want}`, () =>
    assert.equal(isPrivateAddress(address), want))

for (const url of [
  'http://127.0.0.1/',
  'http://[::1]:80/',
  'http://localhost/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://[::ffff:7f00:1]/',
])
  test(`publicAddresses() refuses ${url}`, () =>
    assert.rejects(publicAddresses(new URL(url)), /private network/))
