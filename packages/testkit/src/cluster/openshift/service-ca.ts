import type { Authority } from '../certificates.ts'
import { type ControlLoop, startControlLoop } from '../control-loop.ts'
import type { KubeClient, KubeObject } from '../kube-client.ts'

const SERVING = 'service.beta.openshift.io/serving-cert-secret-name'
const INJECT = 'service.beta.openshift.io/inject-cabundle'
const TRUSTED = 'config.openshift.io/inject-trusted-cabundle'

/** Creates the certificates that Services request, and inserts the CA certificate into ConfigMaps that request it. */
export function startServiceCa(client: KubeClient, authority: Authority): ControlLoop {
  let made = 0
  const certify = async (service: KubeObject): Promise<void> => {
    const { name = '', namespace = '', uid = '', annotations = {} } = service.metadata
    const metadata = { name: annotations[SERVING] ?? '', namespace }
    if (await client.find({ apiVersion: 'v1', kind: 'Secret', metadata })) return
    const full = `${name}.${namespace}.svc`
    const { cert, key } = await authority.forServer(`service-${++made}`, [
      full,
      `${full}.cluster.local`,
      ...(service['spec'].clusterIP === 'None' ? [`*.${full}`, `*.${full}.cluster.local`] : []),
    ])
    const owner = { apiVersion: 'v1', kind: 'Service', name, uid }
    await client.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...metadata, ownerReferences: [owner] },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': cert, 'tls.key': key },
    })
  }
  const inject = async (map: KubeObject, field: string): Promise<void> => {
    if (map['data']?.[field] === authority.cert) return
    await client.patch(map, { data: { [field]: authority.cert } })
  }
  return startControlLoop({
    client,
    kinds: [
      ['v1', 'Service'],
      ['v1', 'Secret'],
      ['v1', 'ConfigMap'],
    ],
    step: async () => {
      const services = await client.list('v1', 'Service')
      for (const each of services) if (each.metadata.annotations?.[SERVING]) await certify(each)
      for (const each of await client.list('v1', 'ConfigMap')) {
        if (each.metadata.annotations?.[INJECT] === 'true') await inject(each, 'service-ca.crt')
        if (each.metadata.labels?.[TRUSTED] === 'true') await inject(each, 'ca-bundle.crt')
      }
      return undefined
    },
  })
}
