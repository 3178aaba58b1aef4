import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2'
import { CoprError } from '@copr/process/errors'
import type { Ec2Api } from './ec2-api.ts'
import { findImage, type Image } from './image.ts'
import { ensureKeyPair } from './key-pair.ts'
import type { AwsPool } from './offerings.ts'
import type { PoolOwner } from './ownership-tags.ts'
import { ensureSecurityGroup } from './security-group.ts'

/** Lifetime of the cache in milliseconds. Until it expires, a new base image is not used and a deleted security group is not recreated. */
const FRESH_MS = 600_000

export interface PoolFacts {
  readonly image: Image
  readonly key_name: string | undefined
  readonly groups_of: ReadonlyMap<string, readonly string[]>
}

/** Caches the resources that all launches of a pool share. They are looked up or created on first use and when the cache has expired. */
export function poolFacts(
  api: Ec2Api,
  { pool, owner, now }: { pool: AwsPool; owner: PoolOwner; now: () => Date },
) {
  let known: { facts: Promise<PoolFacts>; until_ms: number } | undefined
  return {
    async get(signal: AbortSignal): Promise<PoolFacts> {
      const now_ms = now().getTime()
      if (known && now_ms < known.until_ms) return await known.facts
      const facts = establish(api, { pool, owner }, signal)
      known = { facts, until_ms: now_ms + FRESH_MS }
      // All callers waiting for this lookup get its error; the next call tries again.
      facts.catch(() => {
        if (known?.facts === facts) known = undefined
      })
      return await facts
    },
    /** Clears the cache, because one of the resources no longer exists. */
    forget(): void {
      known = undefined
    },
  }
}

async function establish(
  api: Ec2Api,
  { pool, owner }: { pool: AwsPool; owner: PoolOwner },
  signal: AbortSignal,
): Promise<PoolFacts> {
  const image = await findImage(api, { pool, owner }, signal)
  const groups_of = await groupsOf(api, { pool, owner }, signal)
  const key_name = await ensureKeyPair(api, { pool, owner }, signal)
  return { image, key_name, groups_of }
}

/** Returns the security groups for machines in each subnet. */
export async function groupsOf(
  api: Ec2Api,
  { pool, owner }: { pool: AwsPool; owner: PoolOwner },
  signal: AbortSignal,
): Promise<Map<string, readonly string[]>> {
  const vpc_of = await vpcsOf(api, pool.subnets, signal)
  const own = new Map<string, readonly string[]>()
  if (!pool.security_groups)
    for (const vpc_id of new Set(vpc_of.values()))
      own.set(vpc_id, [await ensureSecurityGroup(api, { pool, owner, vpc_id }, signal)])
  return new Map(
    [...vpc_of].map(([subnet, vpc_id]) => [subnet, pool.security_groups ?? own.get(vpc_id) ?? []]),
  )
}

export async function vpcsOf(
  api: Ec2Api,
  subnets: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const command = new DescribeSubnetsCommand({ SubnetIds: [...subnets] })
  const { Subnets = [] } = await api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  const found = new Map(Subnets.map(({ SubnetId = '', VpcId = '' }) => [SubnetId, VpcId]))
  const missing = subnets.filter((each) => !found.has(each))
  if (missing.length > 0)
    throw new CoprError('not_found', `Cannot use ${missing.join(', ')}: no such subnet`)
  return found
}
