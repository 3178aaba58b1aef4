/** Tests EC2-specific behavior that the common provider suite does not cover. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import {
  DescribeInstancesCommand,
  DescribeKeyPairsCommand,
  DescribeSecurityGroupsCommand,
} from '@aws-sdk/client-ec2'
import { TAG } from '../src/providers/aws/ownership-tags.ts'
import type { Listed, Provider } from '../src/providers/provider.ts'
import { startOrder, stopOrder } from '../src/testing/orders.ts'
import { type AwsFixture, awsFixture } from './aws-fixture.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0ZQ3L0b9xq4Q7fUuV2s1rJmQ3eRZl8m0D9o1aBcDeF admin'
const OTHER_KEY = KEY.replace('IJ0Z', 'IJ0Y')
const soon = (): AbortSignal => AbortSignal.timeout(60_000)

suite('the AWS provider', { timeout: 600_000 }, () => {
  let fixture: AwsFixture
  let installations = 0
  const owner = () => ({ installation_id: `account-${++installations}`, pool: 'aws_x86' })
  const list = async (provider: Provider): Promise<Listed[]> =>
    await Array.fromAsync(provider.list(soon()))

  before(async () => {
    fixture = await awsFixture()
  })
  after(async () => {
    await fixture?.[Symbol.asyncDispose]()
  })

  test('start() uses the newest image that matches the filter, owner and architecture', async () => {
    const mine = owner()
    const provider = fixture.provider(mine)
    const outcome = await provider.start(startOrder(mine, 1, firstOf(provider)), soon())
    assert.ok(outcome.ok)
    const instance = await describe(fixture, outcome.provider_id)
    assert.equal(instance?.ImageId, 'ami-00000000000000002')
    assert.equal(instance?.SubnetId, fixture.subnets[0])
    await provider.stop(stopOrder(startOrder(mine, 1, firstOf(provider)), outcome), soon())
  })

  test('start() reports a configuration error if the image does not exist', async () => {
    const mine = owner()
    const provider = fixture.provider(mine, { image: { owner: '1', name: 'Nothing-*' } })
    const outcome = await provider.start(startOrder(mine, 1, firstOf(provider)), soon())
    assert.ok(!outcome.ok)
    assert.equal(outcome.failure, 'configuration')
    assert.equal(outcome.message, 'Cannot find the image Nothing-* of owner 1 in eu-central-1')
  })

  test('start() adopts a machine whose start response was lost, even if the image has changed in the meantime', async () => {
    const mine = owner()
    const order = startOrder(mine, 1, firstOf(fixture.provider(mine)))
    fixture.proxy.fail({ action: 'RunInstances', what: 'lose_answer' })
    const lost = await fixture.provider(mine).start(order, soon())
    assert.equal(lost.ok ? 'started' : lost.failure, 'unknown')
    const changed = fixture.provider(mine, { image: { id: 'ami-00000000000000001' } })
    const outcome = await changed.start(order, soon())
    assert.ok(outcome.ok)
    const machines = (await list(changed)).filter(({ kind }) => kind === 'machine')
    assert.deepEqual(
      machines.map(({ provider_id }) => provider_id),
      [outcome.provider_id],
    )
    await changed.stop(stopOrder(order, outcome), soon())
  })

  test('stop() terminates a machine in its original region even if its pool has moved to another region', async () => {
    const mine = owner()
    const provider = fixture.provider(mine)
    const order = startOrder(mine, 1, firstOf(provider))
    const outcome = await provider.start(order, soon())
    assert.ok(outcome.ok)
    const moved = fixture.provider(mine, { region: 'us-east-1' })
    assert.notEqual(moved.account, provider.account)
    await moved.stop(stopOrder(order, outcome), soon())
    assert.equal((await describe(fixture, outcome.provider_id))?.State?.Name, 'terminated')
  })

  test('changes to the configuration of a pool also change its security group and key pair', async () => {
    const mine = owner()
    const start = async (id: number, options: object): Promise<void> => {
      const provider = fixture.provider(mine, options)
      const outcome = await provider.start(startOrder(mine, id, firstOf(provider)), soon())
      assert.ok(outcome.ok)
    }
    await start(1, {})
    assert.deepEqual(await accessOf(fixture, mine), { ranges: [], keys: 0 })
    await start(2, { ssh_from: ['192.0.2.0/24', '198.51.100.0/24'], ssh_public_key: KEY })
    assert.deepEqual(await accessOf(fixture, mine), {
      ranges: ['192.0.2.0/24', '198.51.100.0/24'],
      keys: 1,
    })
    await start(3, { ssh_from: ['198.51.100.0/24'], ssh_public_key: OTHER_KEY })
    assert.deepEqual(await accessOf(fixture, mine), { ranges: ['198.51.100.0/24'], keys: 1 })
    await start(4, {})
    assert.deepEqual(await accessOf(fixture, mine), { ranges: [], keys: 0 })
    await removeAll(fixture.provider(mine), list)
  })

  test('list() retries throttled calls', async () => {
    const mine = owner()
    const throttled = { code: 'RequestLimitExceeded', message: 'Slow down', status: 503 }
    for (let at = 0; at < 3; at++)
      fixture.proxy.fail({ action: 'DescribeInstances', what: throttled })
    assert.deepEqual(await list(fixture.provider(mine)), [])
  })

  test('diagnose() reports no problem for a working pool, creates nothing, and names missing permissions', async () => {
    const provider = fixture.provider(owner())
    const offerings = provider.offerings().map(({ name }) => `launching ${name}`)
    const subjects = ['credentials and listing', 'subnets', 'image', ...offerings]
    assert.deepEqual(
      await provider.diagnose?.(soon()),
      subjects.map((subject) => ({ subject, problem: undefined })),
    )
    assert.deepEqual(await list(provider), [])
    const denied = { code: 'UnauthorizedOperation', message: 'Not you', status: 403 }
    fixture.proxy.fail({ action: 'RunInstances', what: denied })
    const findings = (await provider.diagnose?.(soon())) ?? []
    assert.match(
      findings.find(({ problem }) => problem !== undefined)?.problem ?? '',
      /^UnauthorizedOperation: Not you; give the manager valid credentials with the policy that "coprctl builders aws-policy"/,
    )
  })

  for (const [what, action, code, options, subject, words] of [
    [
      'invalid credentials',
      'DescribeInstances',
      'AuthFailure',
      {},
      'credentials and listing',
      /^AuthFailure: No; give the manager valid credentials .*$/,
    ],
    [
      'an exhausted quota',
      'RunInstances',
      'VcpuLimitExceeded',
      {},
      'launching',
      /Running On-Demand Standard .*; request an increase/,
    ],
    [
      'an instance type that the zone lacks',
      'RunInstances',
      'Unsupported',
      {},
      'launching',
      /; add other instance_types or subnets/,
    ],
    [
      'a subnet that does not exist',
      undefined,
      '',
      { subnets: ['subnet-0123456789abcdef0'] },
      'subnets',
      /^InvalidSubnetID.NotFound: .*; correct the pool/,
    ],
    [
      'a missing baked image',
      undefined,
      '',
      { baked: true },
      'baked image',
      /create one: coprctl image bake aws_x86$/,
    ],
    [
      'an image that does not exist',
      undefined,
      '',
      { image: { owner: '1', name: 'Nothing-*' } },
      'image',
      /^Cannot find the image Nothing-\* .*; correct the pool/,
    ],
  ] as const)
    test(`diagnose() reports ${what} with the remedy`, async () => {
      const provider = fixture.provider(owner(), options)
      if (action) fixture.proxy.fail({ action, what: { code, message: 'No', status: 400 } })
      const found = (await provider.diagnose?.(soon())) ?? []
      const problems = found.filter(({ problem }) => problem !== undefined)
      assert.equal(problems.length, 1, JSON.stringify(problems))
      assert.match(problems[0]?.subject ?? '', new RegExp(`^${subject}`))
      assert.match(problems[0]?.problem ?? '', words)
    })
})

function firstOf(provider: Provider) {
  const [offering] = provider.offerings()
  assert.ok(offering)
  return offering
}

async function describe({ ec2 }: AwsFixture, id: string) {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }))
  return Reservations?.[0]?.Instances?.[0]
}

async function accessOf({ ec2 }: AwsFixture, { installation_id }: { installation_id: string }) {
  const Filters = [{ Name: `tag:${TAG.installation}`, Values: [installation_id] }]
  const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters }))
  const { KeyPairs = [] } = await ec2.send(new DescribeKeyPairsCommand({ Filters }))
  const rules = SecurityGroups.flatMap(({ IpPermissions = [] }) => IpPermissions)
  const ranges = rules.flatMap(({ IpRanges = [] }) => IpRanges.map(({ CidrIp = '' }) => CidrIp))
  return { ranges: ranges.toSorted((a, b) => a.localeCompare(b)), keys: KeyPairs.length }
}

async function removeAll(provider: Provider, list: (from: Provider) => Promise<Listed[]>) {
  for (const each of await list(provider)) await provider.remove(each, soon())
}
