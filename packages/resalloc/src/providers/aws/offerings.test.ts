import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { type AwsPool, awsOfferings } from './offerings.ts'

function pool(options: object): AwsPool {
  return PoolConfig.parse({
    provider: 'aws',
    region: 'eu-central-1',
    instance_types: ['c7i.xlarge'],
    subnets: ['subnet-a', 'subnet-b'],
    image: { id: 'ami-1' },
    ...options,
  }) as AwsPool
}

test('awsOfferings() returns every type in every subnet with every purchase option, in the order of the purchase options', () => {
  const types = [
    'c7i.xlarge',
    { type: 'm7g.2xlarge', price_per_hour: 0.4, spot_price_per_hour: 0.1 },
  ]
  const offerings = awsOfferings(pool({ purchase: ['spot', 'on_demand'], instance_types: types }))
  assert.deepEqual(
    offerings.map(({ name, group }) => [name, group]),
    [
      ['c7i.xlarge/subnet-a/spot', 'spot'],
      ['c7i.xlarge/subnet-b/spot', 'spot'],
      ['m7g.2xlarge/subnet-a/spot', 'spot'],
      ['m7g.2xlarge/subnet-b/spot', 'spot'],
      ['c7i.xlarge/subnet-a/on_demand', 'on_demand'],
      ['c7i.xlarge/subnet-b/on_demand', 'on_demand'],
      ['m7g.2xlarge/subnet-a/on_demand', 'on_demand'],
      ['m7g.2xlarge/subnet-b/on_demand', 'on_demand'],
    ],
  )
  assert.equal(offerings[2]?.price_per_hour, 0.1)
  assert.equal(offerings[6]?.price_per_hour, 0.4)
})

test('awsOfferings() estimates unknown prices: higher for bigger types, lower for spot', () => {
  const types = ['c7i.large', 'c7i.4xlarge']
  const [small, big] = awsOfferings(pool({ instance_types: types, subnets: ['subnet-a'] }))
  const spot = awsOfferings(pool({ purchase: ['spot'] }))[0]
  assert.equal(big?.price_per_hour, 8 * (small?.price_per_hour ?? 0))
  assert.ok((spot?.price_per_hour ?? 9) < 2 * (small?.price_per_hour ?? 0))
})

for (const [type, memory_mb] of [
  ['c7i.large', 4096],
  ['c7i.xlarge', 8192],
  ['m7a.2xlarge', 32_768],
  ['r8g.large', 16_384],
  ['t3.medium', undefined],
  ['mac2.metal', undefined],
  [{ type: 't3.medium', memory_mb: 4096 }, 4096],
] as const)
  test(`awsOfferings() returns the memory of ${JSON.stringify(type)}: ${memory_mb}`, () => {
    assert.equal(awsOfferings(pool({ instance_types: [type] }))[0]?.memory_mb, memory_mb)
  })

for (const [why, options] of [
  ['ssh_from without a key', { ssh_from: ['192.0.2.0/24'] }],
  ['a key without ssh_from', { ssh_public_key: 'ssh-ed25519 AAAA me' }],
  ['an invalid address', { ssh_from: ['office'], ssh_public_key: 'ssh-ed25519 AAAA me' }],
  [
    'ssh_from together with security_groups',
    { ssh_from: ['192.0.2.0/24'], ssh_public_key: 'ssh-rsa A', security_groups: ['sg-1'] },
  ],
  ['extra tags with reserved names', { extra_tags: { 'copr-pool': 'other' } }],
] as const)
  test(`a pool with ${why} is refused`, () => {
    assert.throws(() => pool(options))
  })
