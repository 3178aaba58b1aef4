import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readPoolsText } from '../../pools/read-pools.ts'
import type { AwsPool } from './offerings.ts'
import { awsPolicy } from './policy.ts'

const HERE = new URL('./', import.meta.url)
const PAGE = readFileSync(new URL('../../../../../docs/aws.md', HERE), 'utf8')
const KEY = 'ssh-ed25519 AAAA admin'

function pools(more: Record<string, object> = { p: {} }): Record<string, AwsPool> {
  const text = Object.entries(more).map(([name, pool]) => [
    name,
    {
      provider: 'aws',
      region: 'eu-central-1',
      tags: ['arch_x86_64'],
      instance_types: ['c7i.large'],
      subnets: ['subnet-1'],
      image: { owner: 'self', name: 'x' },
      ...pool,
    },
  ])
  const read = readPoolsText(JSON.stringify(Object.fromEntries(text)))
  assert.ok(read.ok, JSON.stringify(read))
  return read.pools as Record<string, AwsPool>
}

const FULL = { purchase: ['spot', 'on_demand'], ssh_from: ['192.0.2.0/24'], ssh_public_key: KEY }
const policyOf = (more?: Record<string, object>) =>
  awsPolicy({ installation_id: 'copr-1', pools: pools(more) })
const actionsOf = (more?: Record<string, object>): Set<string> =>
  new Set(policyOf(more).Statement.flatMap(({ Action }) => Action))

test('awsPolicy() returns the policy shown in docs/aws.md for the pool shown there', () => {
  const read = readPoolsText(/```yaml\n(.*?)```/s.exec(PAGE)?.[1] ?? '')
  assert.ok(read.ok)
  const shown = /```json\n(.*?)```/s.exec(PAGE)?.[1] ?? ''
  const made = awsPolicy({
    installation_id: 'example-copr',
    pools: read.pools as Record<string, AwsPool>,
  })
  assert.deepEqual(JSON.parse(shown), JSON.parse(JSON.stringify(made)))
})

function callsIn(folder: URL): string[] {
  const sources = readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name))
  return sources.flatMap((name) => {
    const code = readFileSync(new URL(name, folder), 'utf8')
    return [...code.matchAll(/new (\w+)Command\(/g)].map(([, call]) => `ec2:${call}`)
  })
}

test('awsPolicy() for a pool with all options allows every call that the provider makes, and no other', () => {
  // The provider never calls CreateTags, but launches that set tags require it.
  assert.deepEqual(actionsOf({ p: FULL }), new Set([...callsIn(HERE), 'ec2:CreateTags']))
})

test('awsPolicy() with `bake` also allows the calls of a bake', () => {
  const policy = awsPolicy({ installation_id: 'i', pools: pools({ p: FULL }), bake: true })
  const calls = [...callsIn(HERE), ...callsIn(new URL('bake/', HERE))]
  // A bake never calls DeleteSnapshot, but deregistering an image together with its snapshots requires the permission.
  const implied = ['ec2:CreateTags', 'ec2:DeleteSnapshot']
  const allowed = policy.Statement.flatMap(({ Action }) => Action)
  assert.deepEqual(new Set(allowed), new Set([...calls, ...implied]))
})

test('awsPolicy() allows no more than the pools use', () => {
  const all = actionsOf({ p: FULL })
  const of = (pool: object): string[] =>
    [...all].filter((each) => !actionsOf({ p: pool }).has(each))
  const key = ['ec2:ImportKeyPair', 'ec2:AuthorizeSecurityGroupIngress']
  assert.deepEqual(of({}), key)
  assert.deepEqual(of({ security_groups: ['sg-1'] }), ['ec2:CreateSecurityGroup', ...key])
  assert.match(JSON.stringify(policyOf({ p: FULL })), /spot-instances-request/)
  assert.doesNotMatch(JSON.stringify(policyOf()), /spot-instances-request|key-pair\/|us-east-1/)
  const two = policyOf({ p: {}, q: { region: 'us-east-1' } })
  for (const { Resource } of two.Statement)
    if (Resource !== '*') assert.match(JSON.stringify(Resource), /eu-central-1.*us-east-1/)
})

test('awsPolicy() allows creating and ending resources only with the tag of the installation', () => {
  const tag = (kind: string) => ({
    StringEquals: { [`aws:${kind}Tag/copr-installation`]: 'copr-1' },
  })
  for (const { Sid, Action, Condition } of policyOf({ p: FULL }).Statement)
    if (Action.some((each) => /Terminate|Delete|Cancel|Revoke|Authorize/.test(each)))
      assert.deepEqual(Condition, tag('Resource'), Sid)
    else if (['Launch', 'MakeGroup', 'MakeKeyPair'].includes(Sid))
      assert.deepEqual(Condition, tag('Request'), Sid)
})

test('awsPolicy() uses the ARN partition of the region', () => {
  for (const [region, partition] of [
    ['eu-central-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
    ['eusc-de-east-1', 'aws-eusc'],
  ] as const) {
    const policy = awsPolicy({ installation_id: 'i', pools: pools({ p: { region } }), bake: true })
    const arns = [...JSON.stringify(policy).matchAll(/"(arn:[^"]*)"/g)].map(([, arn = '']) => arn)
    assert.ok(arns.length > 0)
    for (const arn of arns) assert.ok(arn.startsWith(`arn:${partition}:ec2:${region}:`), arn)
  }
})

test('awsPolicy() refuses pools that need more than one policy, and names the remedy', () => {
  const role_arn = 'arn:aws:iam::1:role/builders'
  assert.throws(() => policyOf({ a: {}, b: { role_arn }, c: {} }), {
    message: `Cannot create one policy for several roles: name only the pools of one role: a c (no role); b (${role_arn})`,
  })
  assert.throws(() => policyOf({}), /no pool uses the provider aws/)
})
