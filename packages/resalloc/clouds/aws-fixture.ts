import {
  DescribeInstancesCommand,
  DescribeKeyPairsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSpotInstanceRequestsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  EC2Client,
  type Tag,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { silentLog } from '@copr/process/log'
import { startMoto } from '@copr/testkit/python/moto'
import { fileURLToPath } from 'node:url'
import { awsProviders } from '../src/providers/aws/aws-provider.ts'
import type { AwsPool } from '../src/providers/aws/offerings.ts'
import { ownerOf } from '../src/providers/aws/ownership-tags.ts'
import type { Provider } from '../src/providers/provider.ts'
import type { ProviderFixture } from '../src/testing/provider-fixture.ts'
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts'

const REGION = 'eu-central-1'
/** Images published by a distribution, and one that another account published under the same naming scheme. */
const IMAGES = fileURLToPath(new URL('images.json', import.meta.url))
const IMAGE = { owner: '125523088429', name: 'Fedora-Cloud-Base-AmazonEC2.*-43-*' }

/** EC2's error codes and statuses for the failures that the suite injects. */
const WORDS = {
  no_capacity: { code: 'InsufficientInstanceCapacity', status: 500 },
  quota: { code: 'VcpuLimitExceeded', status: 400 },
  throttled: { code: 'RequestLimitExceeded', status: 503 },
  permission: { code: 'UnauthorizedOperation', status: 403 },
} as const

export interface AwsFixture extends ProviderFixture {
  readonly ec2: EC2Client
  readonly proxy: FaultyProxy
  readonly subnets: readonly string[]
  /** The pool's entry in pools.yaml. */
  readonly pool: object
  provider(owner: { installation_id: string; pool: string }, options?: object): Provider
}

/**
 * Starts an EC2 server on this machine, with an image and two subnets. Providers connect to it through the faulty proxy; tests connect
 * directly.
 */
export async function awsFixture(pool_options: object = {}): Promise<AwsFixture> {
  process.env['AWS_ACCESS_KEY_ID'] = 'test'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test'
  await using stack = new AsyncDisposableStack()
  const moto = stack.use(await startMoto({ MOTO_AMIS_PATH: IMAGES }))
  const proxy = stack.use(await startFaultyProxy(moto.url))
  const ec2 = new EC2Client({ region: REGION, endpoint: moto.url })
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}))
  const subnets = Subnets.flatMap(({ SubnetId }) => SubnetId ?? []).slice(0, 2)
  const ended = stack.move()
  return {
    ec2,
    proxy,
    subnets,
    pool: poolText({ endpoint_url: proxy.url, subnets, ...pool_options }),
    // Each provider is like one in a new process: it shares nothing with the previous provider.
    provider: (owner, options = {}) =>
      awsProvider(owner, { endpoint_url: proxy.url, subnets, ...pool_options, ...options }),
    async endMachine(id) {
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }))
    },
    loseNextStart: () => proxy.fail({ action: 'RunInstances', what: 'lose_answer' }),
    breakNextListing: () =>
      proxy.fail({
        action: 'DescribeVolumes',
        what: { code: 'UnauthorizedOperation', message: 'You are not authorized', status: 403 },
      }),
    hang: () => proxy.hang(),
    failNextStart: (failure) =>
      proxy.fail({ action: 'RunInstances', what: { message: 'Not now', ...WORDS[failure] } }),
    owners: async () => await ownersIn(ec2),
    async [Symbol.asyncDispose]() {
      ec2.destroy()
      await ended.disposeAsync()
    },
  }
}

/** Returns a provider whose clients have only the fixture's credentials. */
export function awsProvider(
  owner: { installation_id: string; pool: string },
  options: object,
): Provider {
  process.env['AWS_ACCESS_KEY_ID'] = 'test'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test'
  return awsProviders()(awsPool(options), { ...owner, log: silentLog(), now: () => new Date() })
}

function awsPool(options: object): AwsPool {
  return PoolConfig.parse(poolText(options)) as AwsPool
}

function poolText(options: object): object {
  return {
    provider: 'aws',
    region: REGION,
    instance_types: ['c7i.large'],
    image: IMAGE,
    tags: ['arch_x86_64'],
    ...options,
  }
}

async function ownersIn(ec2: EC2Client): ReturnType<ProviderFixture['owners']> {
  const instances = (await ec2.send(new DescribeInstancesCommand({}))).Reservations ?? []
  const living = instances
    .flatMap(({ Instances = [] }) => Instances)
    .filter(({ State }) => State?.Name !== 'terminated')
  const groups = (await ec2.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups ?? []
  const interfaces =
    (await ec2.send(new DescribeNetworkInterfacesCommand({}))).NetworkInterfaces ?? []
  const tags: (Tag[] | undefined)[] = [
    ...living.map(({ Tags }) => Tags),
    ...groups.filter(({ GroupName }) => GroupName !== 'default').map(({ Tags }) => Tags),
    ...((await ec2.send(new DescribeVolumesCommand({}))).Volumes ?? []).map(({ Tags }) => Tags),
    ...((await ec2.send(new DescribeKeyPairsCommand({}))).KeyPairs ?? []).map(({ Tags }) => Tags),
    ...interfaces.map(({ TagSet, Attachment }) =>
      // The server drops the tags that a launch sets on network interfaces, so the tags of the attached instance are used instead.
      // launch-request.test.ts tests the tags of interfaces.
      TagSet?.length
        ? TagSet
        : living.find(({ InstanceId }) => InstanceId === Attachment?.InstanceId)?.Tags,
    ),
    ...((await ec2.send(new DescribeSpotInstanceRequestsCommand({}))).SpotInstanceRequests ?? [])
      .filter(({ State }) => State === 'open' || State === 'active')
      .map(({ Tags }) => Tags),
  ]
  return tags.map((each) => {
    const { installation_id, machine_id } = ownerOf(each)
    return installation_id === undefined ? undefined : { installation_id, machine_id }
  })
}
