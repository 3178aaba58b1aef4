import { LOOPBACK_PROXIES, TrustedProxies } from '@copr/contract/trusted-proxies'
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { addressKey, clientAddresses } from './client-address.ts'

const ROUTERS = [...LOOPBACK_PROXIES, '10.128.0.0/14', 'fd00::/8']

for (const [what, trusted, peer, forwarded, want] of [
  ['no proxy', LOOPBACK_PROXIES, '192.0.2.7', undefined, '192.0.2.7'],
  [
    'a private client that forges an address',
    LOOPBACK_PROXIES,
    '10.1.2.3',
    '192.0.2.7',
    '10.1.2.3',
  ],
  ['a client at 192.168', LOOPBACK_PROXIES, '192.168.1.2', '192.0.2.7', '192.168.1.2'],
  ['a client at fc00::/7', LOOPBACK_PROXIES, 'fd00::1', '192.0.2.7', 'fd00::1'],
  ['a proxy on this machine', LOOPBACK_PROXIES, '127.0.0.1', '192.0.2.7', '192.0.2.7'],
  [
    'a proxy on this machine with an IPv4-mapped address',
    LOOPBACK_PROXIES,
    '::ffff:127.0.0.1',
    '192.0.2.7',
    '192.0.2.7',
  ],
  ['a forged first entry', LOOPBACK_PROXIES, '::1', '198.51.100.1, 192.0.2.7', '192.0.2.7'],
  ['a proxy that sends no X-Forwarded-For', LOOPBACK_PROXIES, '127.0.0.1', undefined, '127.0.0.1'],
  [
    'a proxy that sends text instead of an address',
    LOOPBACK_PROXIES,
    '127.0.0.1',
    '<b>',
    '127.0.0.1',
  ],
  ['a router', ROUTERS, '10.129.3.4', '2001:db8::1', '2001:db8::1'],
  ['two routers', ROUTERS, '10.129.3.4', '198.51.100.1, 192.0.2.7, 10.130.0.1', '192.0.2.7'],
  ['a forged chain', ROUTERS, '10.129.3.4', '192.0.2.9, x, 10.130.0.1', '10.130.0.1'],
  ['no trusted proxies', [], '127.0.0.1', '192.0.2.7', '127.0.0.1'],
] as const)
  test(`clientAddresses() with ${what}: ${want}`, () => {
    const socket = { remoteAddress: peer } as Socket
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
    assert.equal(clientAddresses(trusted).of({ socket, headers }), want)
  })

for (const [address, want] of [
  [undefined, 'unknown'],
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:0002::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
] as const)
  test(`addressKey(${address}) is ${want}`, () => assert.equal(addressKey(address), want))

test('TrustedProxies accepts only addresses and networks', () => {
  for (const good of ['192.0.2.7', '10.0.0.0/8', 'fc00::/7', '0.0.0.0/0'])
    assert.ok(TrustedProxies.safeParse([good]).success, good)
  for (const bad of ['', 'router', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fc00::/129', '*'])
    assert.ok(!TrustedProxies.safeParse([bad]).success, bad)
})
