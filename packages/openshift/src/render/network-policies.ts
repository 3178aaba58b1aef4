import type { KubeObject } from '../objects/kube-object.ts'
import { operatorPods } from './database.ts'
import { loginMode } from './login.ts'
import { isMonitored } from './monitoring.ts'
import { BUCKET_USERS, bucketEgress } from './results-in-s3.ts'
import {
  hasPools,
  meta,
  type Part,
  PART_OF,
  PARTS,
  partLabel,
  POSTGRES_PORT,
  PUBLIC_PARTS,
  type Scene,
} from './scene.ts'

/** What in the cluster may connect to what; there is nothing else. */
export const CONNECTIONS: Record<Part | 'prepare', readonly (Part | 'postgresql')[]> = {
  frontend: ['keygen', 'postgresql'],
  backend: ['keygen', 'postgresql'],
  distgit: ['backend', 'postgresql'],
  keygen: ['postgresql'],
  resalloc: ['postgresql'],
  prepare: ['postgresql'],
}
/** Who leaves the namespace: for a login provider, for the API server, for clouds. */
const OUTSIDE: Partial<Record<Part, number[]>> = {
  frontend: [443],
  keygen: [443, 6443],
  resalloc: [443, 6443],
}
/** The network of the cluster and of its clouds, where no build has anything to do. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16']

const tcp = (...ports: (number | string)[]): object[] =>
  ports.map((port) => ({ protocol: 'TCP', port }))
const podsOf = (part: string): object => ({ podSelector: { matchLabels: partLabel(part) } })

/** Denies everything, and then allows what the parts need. */
export function networkPolicies(scene: Scene): KubeObject[] {
  if (!scene.vars.network_policies) return []
  const parts = (Object.keys(CONNECTIONS) as (Part | 'prepare')[]).filter(
    (part) => part !== 'resalloc' || hasPools(scene),
  )
  return [
    policy(scene, 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy(scene, 'dns', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [dns(scene)],
    }),
    ...parts.map((part) => outgoing(scene, part)),
    ...(Object.keys(PARTS) as Part[])
      .filter((part) => part !== 'resalloc' || hasPools(scene))
      .map((part) => incoming(scene, part)),
    ...databasePolicies(scene),
  ]
}

function policy(scene: Pick<Scene, 'namespace'>, name: string, spec: object): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(scene, name, { component: 'network' }),
    spec,
  }
}

/** OpenShift's DNS listens at 5353 inside its pods, and policies look at those. */
function dns({ facts }: Pick<Scene, 'facts'>): object {
  const ports = facts.flavour === 'kubernetes' ? [53] : [53, 5353]
  const both = ports.flatMap((port) => ['UDP', 'TCP'].map((protocol) => ({ protocol, port })))
  const namespace = facts.flavour === 'kubernetes' ? 'kube-system' : 'openshift-dns'
  const to = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }]
  return { to, ports: both }
}

function outgoing(scene: Scene, part: Part | 'prepare'): KubeObject {
  const egress = CONNECTIONS[part].map((to) =>
    to === 'postgresql'
      ? toDatabase(scene)
      : {
          to: [podsOf(to)],
          ports: tcp(PARTS[to].port),
        },
  )
  const outside = part === 'prepare' ? undefined : outsideOf(scene, part)
  return policy(scene, `${part}-out`, {
    podSelector: { matchLabels: partLabel(part) },
    policyTypes: ['Egress'],
    egress: [
      ...egress,
      ...(outside ? [{ ports: tcp(...outside) }] : []),
      ...(BUCKET_USERS.has(part) ? bucketEgress(scene) : []),
    ],
  })
}

/** Users who log in at the cluster are asked for at the API server. */
function outsideOf(scene: Scene, part: Part): number[] | undefined {
  if (part === 'frontend' && loginMode(scene) === 'openshift') return [443, 6443]
  return OUTSIDE[part]
}

function toDatabase(scene: Scene): object {
  const { mode, external } = scene.vars.database
  if (mode === 'external') return { ports: tcp(external?.port ?? POSTGRES_PORT) }
  const pods = operatorPods(scene)
  const to = pods ? { podSelector: { matchLabels: pods } } : podsOf('postgresql')
  return { to: [to], ports: tcp(POSTGRES_PORT) }
}

function incoming(scene: Scene, part: Part): KubeObject {
  const { port, probes_port } = PARTS[part]
  const callers = (Object.keys(CONNECTIONS) as (Part | 'prepare')[]).filter((from) =>
    CONNECTIONS[from].includes(part),
  )
  const isPublic = (PUBLIC_PARTS as readonly Part[]).includes(part)
  return policy(scene, `${part}-in`, {
    podSelector: { matchLabels: partLabel(part) },
    policyTypes: ['Ingress'],
    ingress: [
      ...(callers.length > 0 ? [{ from: callers.map(podsOf), ports: tcp(port) }] : []),
      ...(isPublic ? [{ ...fromOutside(scene), ports: tcp(port) }] : []),
      ...(isMonitored(scene) ? [{ from: monitors(scene), ports: tcp(probes_port) }] : []),
    ],
  })
}

/** Through the router. Elsewhere nobody knows where the ingress controller is: its port is open within the cluster. */
function fromOutside({ facts }: Scene): object {
  if (facts.exposure !== 'route') return {}
  const router = { 'policy-group.network.openshift.io/ingress': '' }
  return { from: [{ namespaceSelector: { matchLabels: router } }] }
}

function monitors({ facts }: Scene): object[] {
  if (facts.flavour === 'kubernetes')
    return [
      {
        namespaceSelector: {},
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
      },
    ]
  const labels = [
    { 'network.openshift.io/policy-group': 'monitoring' },
    { 'kubernetes.io/metadata.name': 'openshift-user-workload-monitoring' },
  ]
  return labels.map((matchLabels) => ({ namespaceSelector: { matchLabels } }))
}

function databasePolicies(scene: Scene): KubeObject[] {
  const clients = (Object.keys(CONNECTIONS) as (Part | 'prepare')[])
    .filter((part) => CONNECTIONS[part].includes('postgresql'))
    .map(podsOf)
  const fromClients = { from: clients, ports: tcp(POSTGRES_PORT) }
  const pods = operatorPods(scene)
  if (pods)
    // Among each other, to their operator and to the API server they talk as the operator wants.
    return [
      policy(scene, 'postgresql', {
        podSelector: { matchLabels: pods },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          fromClients,
          { from: [{ podSelector: { matchLabels: pods } }] },
          { from: [{ namespaceSelector: {} }], ports: tcp(8000, 9187, 8008, 5432) },
        ],
        egress: [{}],
      }),
    ]
  if (scene.vars.database.mode === 'external') return []
  return [
    policy(scene, 'postgresql-in', {
      podSelector: { matchLabels: partLabel('postgresql') },
      policyTypes: ['Ingress'],
      ingress: [fromClients],
    }),
  ]
}

/** Of the namespace of builder pods: they reach the public host and the internet, nothing of the cluster; nobody reaches them. */
export function builderPolicies(scene: Scene): KubeObject[] {
  const builders = { namespace: builderNamespace(scene) }
  const router =
    scene.facts.exposure === 'route'
      ? [
          {
            namespaceSelector: { matchLabels: { 'policy-group.network.openshift.io/ingress': '' } },
          },
        ]
      : []
  const web = PUBLIC_PARTS.map((part) => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': scene.namespace } },
    podSelector: { matchLabels: { ...PART_OF, ...partLabel(part) } },
  }))
  return [
    policy(builders, 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy(builders, 'builders-out', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        dns(scene),
        { to: [...web, ...router] },
        { to: [{ ipBlock: { cidr: '0.0.0.0/0', except: PRIVATE } }] },
      ],
    }),
  ]
}

export function builderNamespace({ namespace }: Pick<Scene, 'namespace'>): string {
  return `${namespace}-builders`
}
