/** Compares the EC2 calls that pools make with the policy that administrators are asked to grant. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import type { AwsPool } from '../src/providers/aws/offerings.ts'
import { awsPolicy } from '../src/providers/aws/policy.ts'
import type { Listed, Provider } from '../src/providers/provider.ts'
import { startOrder, stopOrder } from '../src/testing/orders.ts'
import { type AwsFixture, awsFixture } from './aws-fixture.ts'

const key = (of: string): string =>
  `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0ZQ3L0b9xq4Q7fUuV2s1rJmQ3eRZl8m0D9o1aBc${of} admin`
const SSH = { ssh_from: ['192.0.2.0/24', '198.51.100.0/24'], ssh_public_key: key('DeF') }
const CHANGED = { ssh_from: ['198.51.100.0/24'], ssh_public_key: key('XyZ') }
/** Kinds of resources that the policy always allows pools to remove, even if no pool creates them any more. */
const KINDS = ['volume', 'network_interface', 'spot_request', 'key_pair', 'security_group']
const soon = (): AbortSignal => AbortSignal.timeout(60_000)

suite('the policy of EC2 pools', { timeout: 600_000 }, () => {
  let fixture: AwsFixture

  before(async () => {
    fixture = await awsFixture()
  })
  after(async () => {
    await fixture?.[Symbol.asyncDispose]()
  })

  /** Runs a pool from its first machine to the removal of its last resource; returns the calls that EC2 received. */
  async function live(pool: string, ...changes: object[]): Promise<Set<string>> {
    const before_it = new Map(fixture.proxy.calls)
    const owner = { installation_id: `policy-${pool}`, pool }
    let provider: Provider | undefined
    for (const [at, options] of changes.entries()) {
      provider = fixture.provider(owner, options)
      await provider.diagnose?.(soon())
      for (const [of, offering] of provider.offerings().entries()) {
        const order = startOrder(owner, at * 100 + of, offering)
        const outcome = await provider.start(order, soon())
        assert.ok(outcome.ok, JSON.stringify(outcome))
        // The order has no provider ID, as after a lost response, so the provider looks the machine up.
        await provider.stop(stopOrder(order), soon())
      }
    }
    assert.ok(provider)
    for (const each of await Array.fromAsync(provider.list(soon())))
      await provider.remove(each, soon())
    for (const kind of KINDS) await provider.remove(missing(kind), soon()).catch(() => undefined)
    const { calls } = fixture.proxy
    const made = [...calls].filter(([call, count]) => count > (before_it.get(call) ?? 0))
    return new Set(made.map(([call]) => `ec2:${call}`))
  }

  function actionsOf(...changes: object[]): Set<string> {
    const pools = changes.map((each, at) => [
      `p${at}`,
      PoolConfig.parse({ ...fixture.pool, ...each }) as AwsPool,
    ])
    const policy = awsPolicy({ installation_id: 'policy', pools: Object.fromEntries(pools) })
    return new Set(policy.Statement.flatMap(({ Action }) => Action))
  }

  test('allows exactly the calls that a pool with all options makes', async () => {
    const full = { purchase: ['spot', 'on_demand'] }
    const called = await live('full', { ...full, ...SSH }, { ...full, ...CHANGED })
    // Launches require CreateTags, because they tag the resources that they create.
    assert.deepEqual(called.union(new Set(['ec2:CreateTags'])), actionsOf({ ...full, ...SSH }))
  })

  test('allows all calls of a pool with existing security groups, but not creating groups or keys', async () => {
    const { SecurityGroups = [] } = await fixture.ec2.send(new DescribeSecurityGroupsCommand({}))
    const plain = { security_groups: [SecurityGroups[0]?.GroupId ?? ''] }
    const called = await live('plain', plain)
    const allowed = actionsOf(plain)
    assert.deepEqual(called.difference(allowed), new Set())
    const surplus = [...allowed.difference(called)]
    // RevokeSecurityGroupIngress is needed if an earlier configuration of the pool left rules, and CreateTags for the tags of launches.
    assert.deepEqual(surplus, ['ec2:CreateTags', 'ec2:RevokeSecurityGroupIngress'])
  })
})

function missing(kind: string): Listed {
  const provider_id = `${kind.slice(0, 3)}-0123456789abcdef0`
  const state = 'running'
  return { kind, provider_id, machine_id: 1, pool: 'x', created_at: undefined, state, data: {} }
}
