import { randomBytes } from 'node:crypto'
import type { Vars } from '@copr/contract/deployment/vars'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { meta } from '../render/render-context.ts'

export interface GeneratedSecret {
  name: string
  /** Values as text, not base64. */
  data: Record<string, string>
}

/** The Secret with which callers authenticate to keygen if they have no service account tokens. */
export const KEYGEN_SECRET = 'keygen-callers'

export interface SecretNeeds {
  namespace: string
  service_ca: boolean
  /** Whether pods have service account tokens. */
  account_tokens: boolean
  database: Vars['database']['mode']
}

/** Generates passwords and keys from 32 random bytes each. Callers keep Secrets that already exist. */
export function generatedSecrets({ database, account_tokens }: SecretNeeds): GeneratedSecret[] {
  const random = (encoding: 'base64' | 'base64url'): string => randomBytes(32).toString(encoding)
  return [
    ...(database === 'embedded'
      ? [{ name: 'database', data: { password: random('base64url') } }]
      : []),
    // Encrypts all signing keys: without it, nothing can be signed.
    { name: 'keygen-master-key', data: { 'master-key': random('base64') } },
    ...(account_tokens ? [] : [{ name: KEYGEN_SECRET, data: { secret: random('base64url') } }]),
  ]
}

/** Returns a Secret with a label that marks it as generated, so that undeploy() can delete it with all other data. */
export function secretObject(
  namespace: string,
  { name, data }: GeneratedSecret,
  type = 'Opaque',
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: meta({ namespace }, name, {
      component: 'copr',
      labels: { 'copr/generated': 'true' },
    }),
    type,
    stringData: data,
  }
}
