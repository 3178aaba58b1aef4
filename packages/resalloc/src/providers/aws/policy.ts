import { CoprError } from '@copr/process/errors'
import type { AwsPool } from './offerings.ts'
import { TAG } from './ownership-tags.ts'

export interface PolicyOptions {
  readonly installation_id: string
  /** The pools whose machines the policy allows to start. They must have the same role. */
  readonly pools: Readonly<Record<string, AwsPool>>
  /** Whether to allow the calls of `coprctl image bake` as well. */
  readonly bake?: boolean
}

type Statement = ReturnType<typeof allow>

/** Returns the minimal policy for the pools: without the installation's tag, nothing can be created or terminated. */
export function awsPolicy({ installation_id, pools, bake = false }: PolicyOptions) {
  const all = Object.values(pools)
  requireOneRole(pools)
  const regions = [...new Set(all.map(({ region }) => region))].toSorted((a, b) =>
    a.localeCompare(b),
  )
  const arns = (...kinds: string[]): string[] =>
    regions.flatMap((region) => kinds.map((kind) => arnOf(region, kind)))
  const made = { StringEquals: { [`aws:RequestTag/${TAG.installation}`]: installation_id } }
  const owned = { StringEquals: { [`aws:ResourceTag/${TAG.installation}`]: installation_id } }
  const has_spot = all.some(({ purchase }) => purchase.includes('spot'))
  const has_key = all.some(({ ssh_public_key }) => ssh_public_key !== undefined)
  const makes_group = all.some(({ security_groups }) => security_groups === undefined)
  const created = ['instance', 'volume', 'network-interface']
  if (has_spot) created.push('spot-instances-request')
  const used = ['image', 'snapshot', 'subnet', 'security-group', ...(has_key ? ['key-pair'] : [])]
  const makers = ['RunInstances']
  const tagged = [...created]
  const statements: Statement[] = [
    allow('Read', READ, '*', { StringEquals: { 'aws:RequestedRegion': regions } }),
    allow('LaunchFrom', ['ec2:RunInstances'], arns(...used)),
    allow('Launch', ['ec2:RunInstances'], arns(...created), made),
  ]
  if (makes_group) {
    statements.push(
      allow('MakeGroup', ['ec2:CreateSecurityGroup'], arns('security-group'), made),
      allow('MakeGroupIn', ['ec2:CreateSecurityGroup'], arns('vpc')),
    )
    makers.push('CreateSecurityGroup')
    tagged.push('security-group')
  }
  if (has_key) {
    statements.push(
      allow('MakeKeyPair', ['ec2:ImportKeyPair'], arns('key-pair'), made),
      allow('LetIn', ['ec2:AuthorizeSecurityGroupIngress'], arns('security-group'), owned),
    )
    makers.push('ImportKeyPair')
    tagged.push('key-pair')
  }
  if (bake) {
    statements.push(
      // CreateImage is allowed only from our instances, and only if the new image and its snapshots carry our tag.
      allow('BakeFrom', ['ec2:CreateImage', 'ec2:GetConsoleOutput'], arns('instance'), owned),
      allow('Bake', ['ec2:CreateImage'], arns('image', 'snapshot'), made),
      allow(
        'RemoveImages',
        ['ec2:DeregisterImage', 'ec2:DeleteSnapshot'],
        arns('image', 'snapshot'),
        owned,
      ),
    )
    makers.push('CreateImage')
    tagged.push('image', 'snapshot')
  }
  statements.push(
    allow('TagWhatIsMade', ['ec2:CreateTags'], arns(...tagged), {
      StringEquals: { 'ec2:CreateAction': makers },
    }),
    allow('RemoveWhatIsOurs', REMOVE, '*', owned),
  )
  return { Version: '2012-10-17', Statement: statements }
}

function allow(Sid: string, Action: string[], Resource: string | string[], Condition?: Condition) {
  return { Sid, Effect: 'Allow', Action, Resource, ...(Condition ? { Condition } : {}) }
}
interface Condition {
  StringEquals: Record<string, string | string[]>
}

/** Returns the ARN pattern of a kind of resource. Images and their snapshots may belong to any account. */
function arnOf(region: string, kind: string): string {
  const account = kind === 'image' || kind === 'snapshot' ? '' : '*'
  return `arn:${partitionOf(region)}:ec2:${region}:${account}:${kind}/*`
}

/** Returns the ARN partition of a region: China, GovCloud and others have their own. */
function partitionOf(region: string): string {
  const apart = Object.entries(PARTITIONS).find(([prefix]) => region.startsWith(prefix))
  return apart?.[1] ?? 'aws'
}
const PARTITIONS = { 'cn-': 'aws-cn', 'us-gov-': 'aws-us-gov', 'eusc-': 'aws-eusc' }

function requireOneRole(pools: PolicyOptions['pools']): void {
  const roles = Map.groupBy(Object.entries(pools), ([, { role_arn }]) => role_arn ?? 'no role')
  if (roles.size === 0)
    throw new CoprError('invalid', 'Cannot create a policy: no pool uses the provider aws')
  if (roles.size === 1) return
  const groups = [...roles].map(
    ([role, members]) => `${members.map(([name]) => name).join(' ')} (${role})`,
  )
  throw new CoprError(
    'invalid',
    `Cannot create one policy for several roles: name only the pools of one role: ${groups.join('; ')}`,
  )
}

const READ = [
  'ec2:DescribeImages',
  'ec2:DescribeInstances',
  'ec2:DescribeKeyPairs',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSecurityGroups',
  'ec2:DescribeSpotInstanceRequests',
  'ec2:DescribeSubnets',
  'ec2:DescribeVolumes',
]

/** Actions that remove resources, including kinds of resources that pools no longer create. */
const REMOVE = [
  'ec2:CancelSpotInstanceRequests',
  'ec2:DeleteKeyPair',
  'ec2:DeleteNetworkInterface',
  'ec2:DeleteSecurityGroup',
  'ec2:DeleteVolume',
  'ec2:RevokeSecurityGroupIngress',
  'ec2:TerminateInstances',
]
