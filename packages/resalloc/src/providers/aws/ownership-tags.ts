import { createHash } from 'node:crypto'
import type { Filter, Tag } from '@aws-sdk/client-ec2'
import type { Ownership } from '../provider.ts'

/** Tags of the resources that pools create. The IAM policy allows nothing to be terminated without the first tag (docs/aws.md). */
export const TAG = {
  installation: 'copr-installation',
  machine: 'copr-machine',
  pool: 'copr-pool',
  launch_token: 'copr-launch-token',
  expires_at: 'copr-expires-at',
  /** The nonce of a bake. It tags the image, its snapshots, and the instance that the image is made from. */
  bake: 'copr-bake',
  source_image: 'copr-source-image',
  agent: 'copr-agent-sha256',
  bootstrap: 'copr-bootstrap-sha256',
  created_at: 'copr-created-at',
} as const

export type PoolOwner = Omit<Ownership, 'machine_id'>

/** Returns the tags of a resource that belongs to a pool. */
export function poolTags(
  { installation_id, pool }: PoolOwner,
  extra: Readonly<Record<string, string>>,
): Tag[] {
  return asTags({ ...extra, [TAG.installation]: installation_id, [TAG.pool]: pool })
}

export function asTags(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

export function ownedBy(installation_id: string): Filter {
  return { Name: `tag:${TAG.installation}`, Values: [installation_id] }
}

export function ownerOf(tags: readonly Tag[] | undefined) {
  const of = (key: string): string | undefined => tags?.find(({ Key }) => Key === key)?.Value
  const machine = Number(of(TAG.machine) ?? Number.NaN)
  const expires_at = new Date(of(TAG.expires_at) ?? Number.NaN)
  return {
    installation_id: of(TAG.installation),
    machine_id: Number.isSafeInteger(machine) ? machine : undefined,
    pool: of(TAG.pool),
    launch_token: of(TAG.launch_token),
    expires_at: Number.isNaN(expires_at.getTime()) ? undefined : expires_at,
  }
}

/** Returns EC2's client token. It has at most 64 characters, and is unique even if several installations share an account. */
export function clientToken(order: { installation_id: string; launch_token: string }): string {
  return createHash('sha256')
    .update(`${order.installation_id}\n${order.launch_token}`)
    .digest('hex')
}
