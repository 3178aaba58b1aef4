import type { KeygenServiceAccounts } from '@copr/contract/configuration/keygen-config'
import type { Logger } from '@copr/process/log'
import { jwtVerify } from 'jose'
import { JOSEError } from 'jose/errors'
import { z } from 'zod'
import type { Caller, Identify } from './caller.ts'
import { type AskCluster, clusterApi } from './cluster-api.ts'
import { clusterKeys } from './cluster-keys.ts'
import { type Reviewed, reviewToken } from './token-review.ts'

/** Only asymmetric algorithms: a token that is "signed" with the public key as an HMAC secret is refused. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'EdDSA']
const REVIEW_AGAIN_MS = 600_000

/** The claims that the API server adds to the service account tokens which the kubelet mounts into pods. */
const Claims = z.object({
  'kubernetes.io': z.object({
    namespace: z.string(),
    serviceaccount: z.object({ name: z.string() }),
    pod: z.object({ name: z.string(), uid: z.string().min(1) }),
  }),
})

export interface ServiceAccountsOptions {
  config: KeygenServiceAccounts
  log: Logger
  now: () => Date
  ask?: AskCluster
}

/**
 * Identifies service accounts of one namespace by tokens that were issued to a pod with keygen as the audience. The cluster's keys verify
 * the tokens. Where keygen may use TokenReview, the API server checks them too, and refuses those of deleted pods.
 */
export function serviceAccounts(options: ServiceAccountsOptions): Identify {
  const { config, log, now, ask = clusterApi(options.config) } = options
  const keys = clusterKeys(ask, now)
  let review_after = config.check === 'jwks' ? Infinity : -Infinity

  async function verify(token: string): Promise<Reviewed | undefined> {
    try {
      const { payload } = await jwtVerify(token, keys.key, {
        issuer: await keys.issuer(),
        audience: config.audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'iat'],
        currentDate: now(),
      })
      const claims = Claims.safeParse(payload)
      if (!claims.success) return undefined
      const { namespace, serviceaccount, pod } = claims.data['kubernetes.io']
      return { namespace, account: serviceaccount.name, pod: pod.name }
    } catch (error) {
      if (!(error instanceof JOSEError)) throw error
      log.warn({ reason: error.code }, 'Refused a token')
      return undefined
    }
  }

  async function mayReview(): Promise<boolean> {
    return config.check === 'review' || now().getTime() >= review_after
  }

  return async (token) => {
    const verified = await verify(token)
    if (!verified) return undefined
    if (await mayReview()) {
      const review = await reviewToken(ask, token, config.audience)
      if (review === 'refused') return undefined
      if (review === 'forbidden') {
        if (config.check === 'review') return undefined
        // keygen lacks the role `system:auth-delegator`, so only the cluster's keys decide for now.
        review_after = now().getTime() + REVIEW_AGAIN_MS
      }
    }
    return callerOf(config, verified)
  }
}

function callerOf(config: KeygenServiceAccounts, found: Reviewed): Caller | undefined {
  const rights = Object.hasOwn(config.accounts, found.account)
    ? config.accounts[found.account]
    : undefined
  if (found.namespace !== config.namespace || !rights) return undefined
  return { name: `${found.namespace}/${found.account} (pod ${found.pod})`, rights }
}
