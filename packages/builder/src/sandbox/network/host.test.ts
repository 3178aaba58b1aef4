import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostRanges, localRanges4, localRanges6 } from './host.ts'
import { nameServers } from './resolver.ts'

test('hostRanges() contains the loopback addresses of this machine', async () => {
  const ranges = await hostRanges()
  for (const range of ['127.0.0.0/8', '127.0.0.1/32']) assert.ok(ranges.has(range), range)
})

test('localRanges4() returns local routes, not those of a transparent proxy', () => {
  const trie = `Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 host LOCAL
     |-- 127.0.0.0
        /32 link BROADCAST
        /8 host LOCAL
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
Main:
     |-- 198.51.100.0
        /24 link UNICAST
`
  assert.deepEqual(localRanges4(trie), ['127.0.0.0/8', '192.0.2.2/32'])
})

test('localRanges6() returns local and anycast routes', () => {
  const line = (net: string, bits: string, flags: string): string =>
    `${net} ${bits} ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000000 00000001 00000000 ${flags}     eth0\n`
  const table =
    line('20030000000000000000000000000001', '80', '80200001') +
    line('20030000000000000000000000000000', '80', '80300001') +
    line('20030000000000000000000000000000', '40', '00000001') +
    line('0'.repeat(32), '00', '80200001')
  assert.deepEqual(localRanges6(table), [
    '2003:0000:0000:0000:0000:0000:0000:0001/128',
    '2003:0000:0000:0000:0000:0000:0000:0000/128',
  ])
  assert.deepEqual(localRanges6(), [])
})

for (const [text, want] of [
  ['search example.com\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n', ['10.0.0.1']],
  ['nameserver fd12::1\n# nameserver 10.0.0.3\n\tnameserver\t10.0.0.1\n', ['10.0.0.1', 'fd12::1']],
  ['nameserver name.example.com\n', ['127.0.0.1']],
  ['', ['127.0.0.1']],
] as const)
  test(`nameServers() finds ${want.join(', ')}`, () => assert.deepEqual(nameServers(text), want))
