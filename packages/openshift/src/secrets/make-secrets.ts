import type { KubeObject } from '@copr/kube-client/kube-object'
import type { KubeApi } from '@copr/kube-client/kube-api'
import { meta } from '../render/render-context.ts'
import { generatedSecrets, type SecretNeeds, secretObject } from './generated-secrets.ts'

const AUTHORITY = 'internal-ca'

/** Where Secrets are kept. */
export type SecretStore = Pick<KubeApi, 'createMissing' | 'find'>

/**
 * Creates the missing Secrets, leaves existing ones unchanged, and returns the names of those created. Concurrent calls end up with the
 * same secrets.
 */
export async function makeMissingSecrets(
  api: SecretStore,
  needs: SecretNeeds,
  now: Date,
): Promise<string[]> {
  const { namespace } = needs
  const made: string[] = []
  const make = async (object: KubeObject): Promise<void> => {
    if (await api.createMissing(object)) made.push(`${object.kind} ${object.metadata.name}`)
  }
  for (const secret of generatedSecrets(needs)) await make(secretObject(namespace, secret))
  if (!needs.service_ca) await makeCertificates(api, needs, { make, now })
  return made
}

async function makeCertificates(
  api: SecretStore,
  { namespace, database }: SecretNeeds,
  { make, now }: { make: (object: KubeObject) => Promise<void>; now: Date },
): Promise<void> {
  // Imported here, because loading it takes 0.25 s and most commands do not need it.
  const { certifyService, makeAuthority } = await import('./internal-authority.ts')
  const name = `Copr in ${namespace}`
  const fresh = await makeAuthority(name, now)
  const ref = { apiVersion: 'v1', kind: 'Secret', metadata: { name: AUTHORITY, namespace } }
  const tls = ({ certificate, key }: typeof fresh) => ({ 'tls.crt': certificate, 'tls.key': key })
  await make(secretObject(namespace, { name: AUTHORITY, data: tls(fresh) }, 'kubernetes.io/tls'))
  // The stored CA is read back, because a concurrent deployment may have created it first.
  const stored = (await api.find(ref))?.['data'] as Record<string, string> | undefined
  const text = (key: string): string => Buffer.from(stored?.[key] ?? '', 'base64').toString()
  await make({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta({ namespace }, AUTHORITY, { component: 'copr' }),
    data: { 'ca.crt': text('tls.crt') },
  })
  const services = [
    'frontend',
    'backend',
    'distgit',
    'keygen',
    ...(database === 'embedded' ? ['postgresql'] : []),
  ]
  for (const service of services) {
    const authority = { name, key: text('tls.key') }
    const certified = await certifyService(authority, { service, namespace }, now)
    const secret = { name: `${service}-tls`, data: tls(certified) }
    await make(secretObject(namespace, secret, 'kubernetes.io/tls'))
  }
}
