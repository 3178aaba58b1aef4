import type { ResourceType, RunInstancesCommandInput, TagSpecification } from '@aws-sdk/client-ec2'
import { CoprError } from '@copr/process/errors'
import type { StartOrder } from '../provider.ts'
import type { Image } from './image.ts'
import type { AwsOffering, AwsPool } from './offerings.ts'
import { asTags, clientToken, type PoolOwner, TAG } from './ownership-tags.ts'

/** EC2's limit for user data, before base64 encoding. */
const USER_DATA_BYTES = 16 * 1024

export interface LaunchSettings {
  readonly image: Image
  readonly security_groups: readonly string[]
  readonly key_name?: string | undefined
  /** Gzipped user data; cloud-init decompresses it. */
  readonly user_data: Buffer
}

/** Builds a launch request. The same arguments always yield the same bytes, because EC2 compares requests that have the same token. */
export function launchRequest(
  pool: AwsPool,
  order: StartOrder,
  { instance_type, subnet, purchase }: AwsOffering,
  { image, security_groups, key_name, user_data }: LaunchSettings,
): RunInstancesCommandInput {
  return {
    ClientToken: clientToken(order),
    MinCount: 1,
    MaxCount: 1,
    ImageId: image.id,
    InstanceType: instance_type as NonNullable<RunInstancesCommandInput['InstanceType']>,
    UserData: fitting(user_data).toString('base64'),
    // A machine that has lost contact with the gateway powers itself off. EC2 must then terminate it, not just stop it.
    InstanceInitiatedShutdownBehavior: 'terminate',
    // A hop limit of 1 keeps containers and network namespaces on the machine from reading the user data.
    MetadataOptions: {
      HttpTokens: 'required',
      HttpPutResponseHopLimit: 1,
      HttpEndpoint: 'enabled',
    },
    BlockDeviceMappings: [
      {
        DeviceName: image.root_device,
        Ebs: {
          VolumeType: 'gp3',
          VolumeSize: pool.root_volume_gb,
          Encrypted: true,
          DeleteOnTermination: true,
        },
      },
    ],
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: subnet,
        Groups: [...security_groups],
        AssociatePublicIpAddress: pool.public_ip,
        DeleteOnTermination: true,
      },
    ],
    ...(key_name === undefined ? {} : { KeyName: key_name }),
    ...(purchase === 'spot' ? { InstanceMarketOptions: spotOptions(pool) } : {}),
    TagSpecifications: tagSpecifications(pool, order, purchase === 'spot'),
  }
}

function spotOptions(pool: AwsPool): RunInstancesCommandInput['InstanceMarketOptions'] {
  return {
    MarketType: 'spot',
    SpotOptions: {
      SpotInstanceType: 'one-time',
      InstanceInterruptionBehavior: 'terminate',
      // Without a maximum, EC2 charges at most the on-demand price.
      ...(pool.spot_max_price === undefined ? {} : { MaxPrice: String(pool.spot_max_price) }),
    },
  }
}

function tagSpecifications(
  pool: AwsPool,
  { name, installation_id, machine_id, pool: pool_name, launch_token, expires_at }: StartOrder,
  is_spot: boolean,
): TagSpecification[] {
  const tags = asTags({
    ...pool.extra_tags,
    Name: name,
    [TAG.installation]: installation_id,
    [TAG.pool]: pool_name,
    [TAG.machine]: String(machine_id),
    [TAG.launch_token]: launch_token,
    ...(expires_at ? { [TAG.expires_at]: expires_at.toISOString() } : {}),
  })
  const kinds: ResourceType[] = ['instance', 'volume', 'network-interface']
  if (is_spot) kinds.push('spot-instances-request')
  return kinds.map((ResourceType) => ({ ResourceType, Tags: tags }))
}

function fitting(user_data: Buffer): Buffer {
  if (user_data.length > USER_DATA_BYTES)
    throw new CoprError(
      'too_large',
      `Cannot start a machine: its user data has ${user_data.length} bytes, the limit of EC2 is ${USER_DATA_BYTES}`,
    )
  return user_data
}

/**
 * Returns an order for launching an instance that is not in the machine tables. It has the real owner, because the policy requires the
 * owner's tag.
 */
export function pseudoOrder(owner: PoolOwner, offering: AwsOffering, name: string): StartOrder {
  return {
    ...owner,
    machine_id: 0,
    name,
    offering,
    launch_token: `${name}-${offering.name}`,
    id_in_pool: 0,
    counters: {},
    boot: {
      enroll_token: '',
      gateway_url: '',
      name,
      arches: [],
      tags: [],
      agent: { sha256: '', node_sha256: {} },
      dead_man: { enroll_seconds: 0, silence_seconds: 0, lifetime_seconds: 0 },
    },
  }
}
