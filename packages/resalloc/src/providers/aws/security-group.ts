import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  type IpPermission,
  RevokeSecurityGroupIngressCommand,
  type SecurityGroup,
} from '@aws-sdk/client-ec2'
import type { Ec2Api } from './ec2-api.ts'
import { codeOf } from './error-classes.ts'
import type { AwsPool } from './offerings.ts'
import { ownedBy, type PoolOwner, poolTags, TAG } from './ownership-tags.ts'

const SSH = 22

/**
 * Ensures that the pool's security group exists in a VPC, and returns its id. The group allows no inbound traffic except SSH from the
 * pool's ranges.
 */
export async function ensureSecurityGroup(
  api: Ec2Api,
  { pool, owner, vpc_id }: { pool: AwsPool; owner: PoolOwner; vpc_id: string },
  signal: AbortSignal,
): Promise<string> {
  const found =
    (await findGroup(api, owner, vpc_id, signal)) ??
    (await createGroup(api, { pool, owner, vpc_id }, signal))
  const wanted = new Set(pool.ssh_from)
  const there = new Set(rangesOf(found))
  const missing = [...wanted].filter((range) => !there.has(range))
  if (missing.length > 0) await authorize(api, found, missing, signal)
  const surplus = (found.IpPermissions ?? []).flatMap((rule) => withoutWanted(rule, wanted))
  if (surplus.length > 0) await revoke(api, found, surplus, signal)
  return found.GroupId ?? ''
}

async function findGroup(
  api: Ec2Api,
  { installation_id, pool }: PoolOwner,
  vpc_id: string,
  signal: AbortSignal,
): Promise<SecurityGroup | undefined> {
  const command = new DescribeSecurityGroupsCommand({
    Filters: [
      ownedBy(installation_id),
      { Name: `tag:${TAG.pool}`, Values: [pool] },
      { Name: 'vpc-id', Values: [vpc_id] },
    ],
  })
  const { SecurityGroups } = await api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  return SecurityGroups?.[0]
}

async function createGroup(
  api: Ec2Api,
  { pool, owner, vpc_id }: { pool: AwsPool; owner: PoolOwner; vpc_id: string },
  signal: AbortSignal,
): Promise<SecurityGroup> {
  const command = new CreateSecurityGroupCommand({
    GroupName: `copr ${owner.installation_id} ${owner.pool}`,
    Description: 'Builders: outbound connections only',
    VpcId: vpc_id,
    TagSpecifications: [{ ResourceType: 'security-group', Tags: poolTags(owner, pool.extra_tags) }],
  })
  try {
    const { GroupId } = await api.call(
      'mutate',
      async (client, options) => await client.send(command, options),
      signal,
    )
    return GroupId === undefined ? {} : { GroupId }
  } catch (error) {
    // A concurrent launch of this pool created the group first, or the response to an earlier attempt was lost.
    const found =
      codeOf(error) === 'InvalidGroup.Duplicate' && (await findGroup(api, owner, vpc_id, signal))
    if (found) return found
    throw error
  }
}

async function authorize(
  api: Ec2Api,
  { GroupId }: SecurityGroup,
  ranges: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const isV6 = (range: string): boolean => range.includes(':')
  const rule: IpPermission = {
    IpProtocol: 'tcp',
    FromPort: SSH,
    ToPort: SSH,
    IpRanges: ranges.filter((range) => !isV6(range)).map((CidrIp) => ({ CidrIp })),
    Ipv6Ranges: ranges.filter(isV6).map((CidrIpv6) => ({ CidrIpv6 })),
  }
  const command = new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] })
  try {
    await api.call('mutate', async (client, options) => await client.send(command, options), signal)
  } catch (error) {
    if (codeOf(error) !== 'InvalidPermission.Duplicate') throw error
  }
}

async function revoke(
  api: Ec2Api,
  { GroupId }: SecurityGroup,
  IpPermissions: IpPermission[],
  signal: AbortSignal,
): Promise<void> {
  const command = new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions })
  try {
    await api.call('mutate', async (client, options) => await client.send(command, options), signal)
  } catch (error) {
    if (codeOf(error) !== 'InvalidPermission.NotFound') throw error
  }
}

function isSsh({ IpProtocol, FromPort, ToPort }: IpPermission): boolean {
  return IpProtocol === 'tcp' && FromPort === SSH && ToPort === SSH
}

/** Returns the CIDR ranges that may connect over SSH. */
function rangesOf({ IpPermissions = [] }: SecurityGroup): string[] {
  return IpPermissions.filter(isSsh).flatMap(({ IpRanges = [], Ipv6Ranges = [] }) => [
    ...IpRanges.flatMap(({ CidrIp }) => CidrIp ?? []),
    ...Ipv6Ranges.flatMap(({ CidrIpv6 }) => CidrIpv6 ?? []),
  ])
}

/**
 * Returns the permissions of a rule that must be revoked: all except SSH from the configured ranges. Empty if there is nothing to revoke.
 */
function withoutWanted(rule: IpPermission, wanted: ReadonlySet<string>): IpPermission[] {
  if (!isSsh(rule)) return [rule]
  const IpRanges = rule.IpRanges?.filter(({ CidrIp }) => !wanted.has(CidrIp ?? '')) ?? []
  const Ipv6Ranges = rule.Ipv6Ranges?.filter(({ CidrIpv6 }) => !wanted.has(CidrIpv6 ?? '')) ?? []
  const others = {
    UserIdGroupPairs: rule.UserIdGroupPairs ?? [],
    PrefixListIds: rule.PrefixListIds ?? [],
  }
  const rest = { ...rule, IpRanges, Ipv6Ranges, ...others }
  const count = [IpRanges, Ipv6Ranges, others.UserIdGroupPairs, others.PrefixListIds].flat().length
  return count === 0 ? [] : [rest]
}
