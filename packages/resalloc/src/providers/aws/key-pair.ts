import { createHash } from 'node:crypto'
import {
  DeleteKeyPairCommand,
  DescribeKeyPairsCommand,
  ImportKeyPairCommand,
} from '@aws-sdk/client-ec2'
import type { Ec2Api } from './ec2-api.ts'
import { codeOf } from './error-classes.ts'
import type { AwsPool } from './offerings.ts'
import { ownedBy, type PoolOwner, poolTags, TAG } from './ownership-tags.ts'

/**
 * Ensures that a key pair exists for the pool's public key, if it has one, and returns the key pair's name. Deletes the key pairs of
 * previous keys.
 */
export async function ensureKeyPair(
  api: Ec2Api,
  { pool, owner }: { pool: AwsPool; owner: PoolOwner },
  signal: AbortSignal,
): Promise<string | undefined> {
  const name =
    pool.ssh_public_key === undefined ? undefined : keyPairName(owner, pool.ssh_public_key)
  const there = await keyPairsOf(api, owner, signal)
  if (name !== undefined && !there.includes(name))
    await importKey(api, { pool, owner, name }, signal)
  for (const previous of there.filter((each) => each !== name)) {
    const command = new DeleteKeyPairCommand({ KeyName: previous })
    await api.call('mutate', async (client, options) => await client.send(command, options), signal)
  }
  return name
}

/** Returns a name derived from the key: an existing key pair cannot be changed, so a new key needs a new name. */
function keyPairName({ installation_id, pool }: PoolOwner, public_key: string): string {
  const digest = createHash('sha256').update(public_key).digest('hex').slice(0, 12)
  return `copr ${installation_id} ${pool} ${digest}`
}

async function keyPairsOf(
  api: Ec2Api,
  { installation_id, pool }: PoolOwner,
  signal: AbortSignal,
): Promise<string[]> {
  const command = new DescribeKeyPairsCommand({
    Filters: [ownedBy(installation_id), { Name: `tag:${TAG.pool}`, Values: [pool] }],
  })
  const { KeyPairs = [] } = await api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  return KeyPairs.flatMap(({ KeyName }) => KeyName ?? [])
}

async function importKey(
  api: Ec2Api,
  { pool, owner, name }: { pool: AwsPool; owner: PoolOwner; name: string },
  signal: AbortSignal,
): Promise<void> {
  const command = new ImportKeyPairCommand({
    KeyName: name,
    PublicKeyMaterial: Buffer.from(pool.ssh_public_key ?? ''),
    TagSpecifications: [{ ResourceType: 'key-pair', Tags: poolTags(owner, pool.extra_tags) }],
  })
  try {
    await api.call('mutate', async (client, options) => await client.send(command, options), signal)
  } catch (error) {
    if (codeOf(error) !== 'InvalidKeyPair.Duplicate') throw error
  }
}
