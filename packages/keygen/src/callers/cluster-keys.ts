import { CoprError } from '@copr/process/errors'
import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose'
import { JWKSNoMatchingKey } from 'jose/errors'
import { z } from 'zod'
import type { AskCluster } from './cluster-api.ts'

/** If a key is unknown, the keys are fetched again at most this often, so that callers with bogus tokens cannot flood the API server. */
const LOOK_UP_MS = 60_000
const Discovery = z.object({ issuer: z.string().min(1) })
const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

export interface ClusterKeys {
  issuer: () => Promise<string>
  key: JWTVerifyGetKey
}

/** Fetches the public keys of the cluster, which verify service account tokens. Every service account may read them. */
export function clusterKeys(ask: AskCluster, now: () => Date): ClusterKeys {
  let found: { issuer: string; key: JWTVerifyGetKey } | undefined
  let looked_at = -Infinity

  async function look(): Promise<NonNullable<typeof found>> {
    const discovery = await ask('/.well-known/openid-configuration')
    const keys = await ask('/openid/v1/jwks')
    if (discovery.status !== 200 || keys.status !== 200)
      throw new CoprError(
        'unavailable',
        `Cannot check the token: the API server returns ${discovery.status} and ${keys.status} for its keys`,
      )
    const { issuer } = Discovery.parse(discovery.body)
    // Keys of unknown types need no filtering: jose skips them when it selects a key.
    const set = KeySet.parse(keys.body) as Parameters<typeof createLocalJWKSet>[0]
    found = { issuer, key: createLocalJWKSet(set) }
    looked_at = now().getTime()
    return found
  }

  return {
    issuer: async () => (found ?? (await look())).issuer,
    async key(header, token) {
      const { key } = found ?? (await look())
      try {
        return await key(header, token)
      } catch (error) {
        if (!(error instanceof JWKSNoMatchingKey)) throw error
        if (now().getTime() - looked_at < LOOK_UP_MS) throw error
        return await (await look()).key(header, token)
      }
    },
  }
}
