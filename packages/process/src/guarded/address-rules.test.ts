import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressRules, ANY_ADDRESS, isPrivateAddress } from './address-rules.ts'

/**
 * An address from each entry of IANA's special-purpose registries for IPv4 and IPv6, the boundaries of some entries, and the addresses of
 * the metadata services of clouds. `isPrivate` means that the address is not on the open internet.
 */
const ADDRESSES: [address: string, isPrivate: boolean, what: string][] = [
  ['0.0.0.0', true, 'this network'],
  ['0.1.2.3', true, 'this network'],
  ['10.0.0.0', true, 'private use'],
  ['10.255.255.255', true, 'private use'],
  ['11.0.0.0', false, 'after private use'],
  ['100.63.255.255', false, 'before shared address space'],
  ['100.64.0.0', true, 'shared address space'],
  ['100.100.100.200', true, 'metadata service of Alibaba Cloud'],
  ['100.128.0.0', false, 'after shared address space'],
  ['127.0.0.1', true, 'loopback'],
  ['127.255.255.254', true, 'loopback'],
  ['168.63.129.15', false, 'next to the metadata service of Azure'],
  ['168.63.129.16', true, 'metadata service of Azure'],
  ['169.254.169.254', true, 'link local, metadata service of most clouds'],
  ['172.15.255.255', false, 'before private use'],
  ['172.16.0.1', true, 'private use'],
  ['172.31.255.255', true, 'private use'],
  ['172.32.0.0', false, 'after private use'],
  ['192.0.0.1', true, 'protocol assignments'],
  ['192.0.0.8', true, 'dummy address'],
  ['192.0.0.170', true, 'NAT64 discovery'],
  ['192.0.0.192', true, 'metadata service of Oracle Cloud'],
  ['192.0.2.1', true, 'documentation'],
  ['192.31.196.1', false, 'AS112'],
  ['192.52.193.1', false, 'AMT'],
  ['192.88.99.1', true, '6to4 relays'],
  ['192.168.1.1', true, 'private use'],
  ['192.175.48.1', false, 'AS112'],
  ['198.17.255.255', false, 'before benchmarking'],
  ['198.18.0.1', true, 'benchmarking'],
  ['198.19.255.255', true, 'benchmarking'],
  ['198.51.100.1', true, 'documentation'],
  ['203.0.113.1', true, 'documentation'],
  ['224.0.0.1', true, 'multicast'],
  ['239.255.255.255', true, 'multicast'],
  ['240.0.0.1', true, 'reserved'],
  ['255.255.255.255', true, 'broadcast'],
  ['8.8.8.8', false, 'the internet'],
  ['::', true, 'unspecified'],
  ['::1', true, 'loopback'],
  ['::10.0.0.1', true, 'IPv4-compatible'],
  ['::8.8.8.8', true, 'IPv4-compatible'],
  ['::ffff:127.0.0.1', true, 'IPv4-mapped'],
  ['::ffff:7f00:1', true, 'IPv4-mapped'],
  ['0:0:0:0:0:ffff:a9fe:a9fe', true, 'IPv4-mapped'],
  ['::FFFF:10.0.0.1', true, 'IPv4-mapped'],
  ['::ffff:0:0', true, 'IPv4-mapped'],
  ['::ffff:8.8.8.8', false, 'IPv4-mapped'],
  ['::ffff:0:127.0.0.1', true, 'IPv4-translated'],
  ['64:ff9b::7f00:1', true, 'NAT64'],
  ['64:ff9b::169.254.169.254', true, 'NAT64'],
  ['64:ff9b::8.8.8.8', false, 'NAT64'],
  ['64:ff9b:1::808:808', true, 'NAT64 for local use'],
  ['64:ff9b:1:ffff::1', true, 'NAT64 for local use'],
  ['100::1', true, 'discarded'],
  ['100:0:0:1::1', true, 'dummy prefix'],
  ['2001::1', true, 'Teredo'],
  ['2001:0:7f00:1::', true, 'Teredo'],
  ['2001:2::1', true, 'benchmarking'],
  ['2001:10::1', true, 'ORCHID'],
  ['2001:1ff:ffff::1', true, 'the last protocol assignment'],
  ['2001:200::1', false, 'after protocol assignments'],
  ['2001:db8::1', true, 'documentation'],
  ['2001:4860:4860::8888', false, 'the internet'],
  ['2002:7f00:1::', true, '6to4'],
  ['2002:808:808::1', true, '6to4'],
  ['2003::1', false, 'after 6to4'],
  ['2606:4700::1', false, 'the internet'],
  ['2620:4f:8000::1', false, 'AS112'],
  ['3fff::1', true, 'documentation'],
  ['3fff:fff:ffff::1', true, 'documentation'],
  ['4000::1', true, 'not allocated'],
  ['5f00::1', true, 'SRv6'],
  ['fc00::1', true, 'unique local'],
  ['fd00:ec2::254', true, 'metadata service of EC2'],
  ['fd20:ce::254', true, 'metadata service of Google Cloud'],
  ['fe80::1', true, 'link local'],
  ['fe80::1%eth0', true, 'link local with a zone'],
  ['fec0::1', true, 'site local'],
  ['feff::1', true, 'site local'],
  ['ff02::1', true, 'multicast'],
  ['', true, 'no address'],
  ['localhost', true, 'no address'],
  ['2130706433', true, 'no address'],
  ['0x7f.1', true, 'no address'],
]
for (const [address, want, what] of ADDRESSES)
  test(`isPrivateAddress(${address}) is ${want}: ${what}`, () =>
    assert.equal(isPrivateAddress(address), want))

test('addressRules() allows the private ranges that a site lists', () => {
  const rules = addressRules(['10.20.0.0/16', '169.254.7.7/32', 'fd12:3456::/32'])
  for (const address of ['10.20.3.4', '::ffff:10.20.3.4', '169.254.7.7', 'fd12:3456::1', '8.8.8.8'])
    assert.ok(rules.allows(address), address)
  for (const address of ['10.21.0.1', '127.0.0.1', '169.254.169.254', 'fd12:3457::1', '::1', 'x'])
    assert.ok(!rules.allows(address), address)
  assert.ok(!addressRules(false).allows('10.20.3.4'))
  assert.ok(!addressRules([]).allows('10.20.3.4'))
  assert.equal(addressRules(true), ANY_ADDRESS)
})
