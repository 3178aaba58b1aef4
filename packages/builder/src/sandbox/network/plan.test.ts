import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PrivateUrls } from '@copr/contract/private-urls'
import { addressRules } from '@copr/process/guarded/address-rules'
import { hostCommands, routerCommands } from './plan.ts'

/** Returns the routes of the table that decides which addresses are reachable: each range is `open` or `closed`. */
function routes(family: 'ipv4' | 'ipv6', allow: PrivateUrls): Map<string, string> {
  const lines = routerCommands(family, addressRules(allow)).split('\n')
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, prohibit, range = ''] = /^route add (prohibit )?(\S+) .*table 100$/.exec(line) ?? []
      return range === '' ? [] : [[range, prohibit === undefined ? 'open' : 'closed']]
    }),
  )
}

test('routerCommands() allows public addresses and blocks private ones', () => {
  const ipv4 = routes('ipv4', false)
  assert.equal(ipv4.get('0.0.0.0/0'), 'open')
  for (const range of [
    '10.0.0.0/8',
    '100.64.0.0/10',
    '169.254.0.0/16',
    '127.0.0.0/8',
    '224.0.0.0/3',
  ])
    assert.equal(ipv4.get(range), 'closed', range)
  const ipv6 = routes('ipv6', false)
  assert.deepEqual(
    [...ipv6].filter(([, state]) => state === 'open'),
    [['2000::/3', 'open']],
  )
  for (const range of ['2001:db8::/32', '2002::/16', '::/8', '::ffff:0:0/96', '64:ff9b::/96'])
    assert.equal(ipv6.get(range), 'closed', range)
})

const ALLOWED: [
  allow: PrivateUrls,
  family: 'ipv4' | 'ipv6',
  range: string,
  want: string | undefined,
][] = [
  [['10.20.3.4/16'], 'ipv4', '10.20.0.0/16', 'open'],
  [['10.20.3.4/16'], 'ipv4', '10.0.0.0/8', 'closed'],
  [['10.0.0.0/8'], 'ipv4', '10.0.0.0/8', 'open'],
  [['8.0.0.0/5'], 'ipv4', '10.0.0.0/8', undefined],
  [['8.0.0.0/5'], 'ipv4', '8.0.0.0/5', 'open'],
  [['127.0.0.0/16'], 'ipv4', '127.0.0.0/16', undefined],
  [['127.0.0.0/8'], 'ipv4', '127.0.0.0/8', 'closed'],
  [['198.18.0.0/15'], 'ipv4', '198.19.255.0/25', 'closed'],
  [true, 'ipv4', '10.0.0.0/8', undefined],
  [true, 'ipv4', '127.0.0.0/8', 'closed'],
  [true, 'ipv6', '::/0', 'open'],
  [true, 'ipv6', '::/8', 'closed'],
  [true, 'ipv6', '64:ff9b::/96', 'closed'],
  [['fd12:3456::/32'], 'ipv6', 'fd12:3456::/32', 'open'],
  [['fd12:3456::/32'], 'ipv4', 'fd12:3456::/32', undefined],
  [['::ffff:10.0.0.0/104'], 'ipv6', '::ffff:10.0.0.0/104', undefined],
  [['fe80::/64'], 'ipv6', 'fe80::/64', undefined],
  [[], 'ipv4', '10.0.0.0/8', 'closed'],
]
for (const [allow, family, range, want] of ALLOWED)
  test(`routerCommands() with ${JSON.stringify(allow)} allowed: ${range} is ${want ?? 'no route'}`, () =>
    assert.equal(routes(family, allow).get(range), want))

test('routerCommands() allows only TCP and the resolver, and its last rule prohibits everything else', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const rules = routerCommands(family, addressRules(false))
      .split('\n')
      .filter((line) => line.startsWith('rule add'))
    assert.match(rules.at(-1) ?? '', /^rule add pref \d+ prohibit$/)
    for (const rule of rules.filter((line) => line.endsWith('lookup 100')))
      assert.match(rule, /iif build0 from \S+ ipproto 6 dport /)
  }
})

test("hostCommands() closes the machine's current addresses, except for those listed individually", () => {
  const rules = addressRules(['10.0.0.0/8', '10.1.2.3/32', 'fd12::1/128'])
  const before = new Set(['127.0.0.0/8', '9.9.9.9/32'])
  const now = new Set([
    '127.0.0.0/8',
    '10.1.2.3/32',
    '10.1.2.4/32',
    'fd12:0:0:0:0:0:0:1/128',
    '2003::1/128',
  ])
  assert.equal(
    hostCommands('ipv4', rules, { now, before }),
    'route add prohibit 10.1.2.4/32 table 90\nroute del prohibit 9.9.9.9/32 table 90\n',
  )
  assert.equal(
    hostCommands('ipv6', rules, { now, before }),
    'route add prohibit 2003::1/128 table 90\n',
  )
})
