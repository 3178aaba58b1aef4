import { TAG } from './ownership-tags.ts'

const CREATED = ['instance', 'volume', 'network-interface', 'spot-instances-request']

/** The least that an installation needs: it can make nothing without its tag, and end nothing that lacks it. */
export function awsPolicy(installation_id: string, region: string) {
  const arn = (kind: string): string => `arn:aws:ec2:${region}:*:${kind}/*`
  const made = { StringEquals: { [`aws:RequestTag/${TAG.installation}`]: installation_id } }
  const owned = { StringEquals: { [`aws:ResourceTag/${TAG.installation}`]: installation_id } }
  const allow = (
    Sid: string,
    Action: string[],
    Resource: string | string[],
    Condition?: object,
  ) => ({
    Sid,
    Effect: 'Allow',
    Action,
    Resource,
    ...(Condition ? { Condition } : {}),
  })
  return {
    Version: '2012-10-17',
    Statement: [
      allow('Read', READ, '*', { StringEquals: { 'aws:RequestedRegion': region } }),
      // Image and snapshot belong to whoever published them.
      allow(
        'LaunchFrom',
        ['ec2:RunInstances'],
        [
          `arn:aws:ec2:${region}::image/*`,
          `arn:aws:ec2:${region}::snapshot/*`,
          ...['subnet', 'security-group', 'key-pair'].map(arn),
        ],
      ),
      allow('Launch', ['ec2:RunInstances'], CREATED.map(arn), made),
      allow('MakeGroup', ['ec2:CreateSecurityGroup'], [arn('security-group')], made),
      allow('MakeGroupIn', ['ec2:CreateSecurityGroup'], [arn('vpc')]),
      allow('MakeKeyPair', ['ec2:ImportKeyPair'], [arn('key-pair')], made),
      allow(
        'TagWhatIsMade',
        ['ec2:CreateTags'],
        [...CREATED, 'security-group', 'key-pair'].map(arn),
        {
          StringEquals: {
            'ec2:CreateAction': ['RunInstances', 'CreateSecurityGroup', 'ImportKeyPair'],
          },
        },
      ),
      allow('RemoveWhatIsOurs', REMOVE, '*', owned),
    ],
  }
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

const REMOVE = [
  'ec2:AuthorizeSecurityGroupIngress',
  'ec2:RevokeSecurityGroupIngress',
  'ec2:CancelSpotInstanceRequests',
  'ec2:DeleteKeyPair',
  'ec2:DeleteNetworkInterface',
  'ec2:DeleteSecurityGroup',
  'ec2:DeleteVolume',
  'ec2:TerminateInstances',
]
