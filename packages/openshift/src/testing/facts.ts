import type { Facts, Flavour } from '../render/facts.ts'

const DIGEST = 'sha256:'.padEnd(71, '5')

/** The facts of a healthy cluster of this flavor. */
export function sampleFacts(flavour: Flavour, more: Partial<Facts> = {}): Facts {
  const isOpenShift = flavour === 'openshift' || flavour === 'microshift'
  return {
    flavour,
    host: isOpenShift ? 'copr.apps.example.org' : 'copr.example.org',
    subdomain: isOpenShift ? 'copr' : undefined,
    exposure: isOpenShift ? 'route' : 'gateway',
    gateway: isOpenShift ? undefined : { name: 'public', namespace: 'gateways' },
    backend_tls: true,
    oauth: flavour === 'openshift',
    service_ca: isOpenShift,
    monitoring: flavour === 'openshift',
    single_node: flavour === 'microshift',
    limits_demanded: { cpu: false, memory: false },
    priority_classes: false,
    images: {
      server: `registry.example.org/copr/server@${DIGEST}`,
      postgresql: `registry.example.org/copr/server@${DIGEST}`,
    },
    administrator_link: { sha256: 'ab'.repeat(32), expires: '2026-01-02T00:00:00.000Z' },
    secret_checksums: { database: '1', 'keygen-master-key': '3' },
    ...more,
  }
}
