import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { startOrder } from '../../testing/orders.ts'
import { launchRequest } from './launch-request.ts'
import { type AwsOffering, type AwsPool, awsOfferings } from './offerings.ts'

const POOL = PoolConfig.parse({
  provider: 'aws',
  region: 'eu-central-1',
  instance_types: ['c7i.xlarge'],
  subnets: ['subnet-a'],
  purchase: ['on_demand', 'spot'],
  image: { id: 'ami-1' },
  root_volume_gb: 80,
  extra_tags: { 'cost-center': 'builds' },
}) as AwsPool
const [ON_DEMAND, SPOT] = awsOfferings(POOL) as [AwsOffering, AwsOffering]
const FACTS = {
  image: { id: 'ami-1', root_device: '/dev/xvda' },
  security_groups: ['sg-1'],
  user_data: Buffer.from('#cloud-config\n'),
}
const OWNER = { installation_id: 'copr-1', pool: 'aws_x86' }

function request(offering: AwsOffering, facts: Partial<typeof FACTS> = {}, pool = POOL) {
  const order = { ...startOrder(OWNER, 7, offering), expires_at: new Date('2026-02-03T04:05:06Z') }
  return launchRequest(pool, order, offering, { ...FACTS, ...facts })
}

test('launchRequest() tags everything that a launch creates', () => {
  const made = (offering: AwsOffering) =>
    request(offering).TagSpecifications?.map(({ ResourceType, Tags }) => [
      ResourceType,
      Object.fromEntries(Tags?.map(({ Key, Value }) => [Key, Value]) ?? []),
    ])
  const tags = {
    Name: 'aws_x86-7',
    'cost-center': 'builds',
    'copr-installation': 'copr-1',
    'copr-pool': 'aws_x86',
    'copr-machine': '7',
    'copr-launch-token': 'copr-1-7-1',
    'copr-expires-at': '2026-02-03T04:05:06.000Z',
  }
  const always = ['instance', 'volume', 'network-interface'].map((kind) => [kind, tags])
  assert.deepEqual(made(ON_DEMAND), always)
  assert.deepEqual(made(SPOT), [...always, ['spot-instances-request', tags]])
})

test('launchRequest() makes machines that terminate on shutdown, with an encrypted disk that is deleted with them', () => {
  const made = request(ON_DEMAND)
  assert.equal(made.InstanceInitiatedShutdownBehavior, 'terminate')
  assert.deepEqual(made.MetadataOptions, {
    HttpTokens: 'required',
    HttpPutResponseHopLimit: 1,
    HttpEndpoint: 'enabled',
  })
  assert.deepEqual(made.BlockDeviceMappings, [
    {
      DeviceName: '/dev/xvda',
      Ebs: { VolumeType: 'gp3', VolumeSize: 80, Encrypted: true, DeleteOnTermination: true },
    },
  ])
  assert.equal(made.NetworkInterfaces?.[0]?.SubnetId, 'subnet-a')
  assert.equal(made.IamInstanceProfile, undefined)
  assert.equal(made.KeyName, undefined)
})

test('launchRequest() terminates an interrupted spot instance, and sets a maximum price only if the pool has one', () => {
  assert.equal(request(ON_DEMAND).InstanceMarketOptions, undefined)
  const options = { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' }
  assert.deepEqual(request(SPOT).InstanceMarketOptions?.SpotOptions, options)
  const capped = request(SPOT, {}, { ...POOL, spot_max_price: 0.05 })
  assert.equal(capped.InstanceMarketOptions?.SpotOptions?.MaxPrice, '0.05')
})

test('launchRequest() returns identical bytes for the same order, and a valid client token for any installation id', () => {
  assert.deepEqual(request(ON_DEMAND), request(ON_DEMAND))
  assert.match(request(ON_DEMAND).ClientToken ?? '', /^[0-9a-f]{64}$/)
})

test('launchRequest() refuses user data that EC2 would refuse', () => {
  const most = Buffer.alloc(16 * 1024, 'x')
  assert.equal(request(ON_DEMAND, { user_data: most }).UserData, most.toString('base64'))
  assert.throws(
    () => request(ON_DEMAND, { user_data: Buffer.alloc(16 * 1024 + 1) }),
    /Cannot start a machine: its user data has 16385 bytes, the limit of EC2 is 16384/,
  )
})
