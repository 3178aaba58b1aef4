import { PUBLIC_COMPONENTS } from '@copr/contract/public-paths'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { operatorPods } from './database.ts'
import { eventsEgress } from './events.ts'
import { loginMode } from './login.ts'
import { isMonitored } from './monitoring.ts'
import { BUCKET_USERS, bucketEgress } from './results-in-s3.ts'
import {
  hasPools,
  meta,
  type Component,
  PART_OF,
  COMPONENTS,
  componentLabel,
  POSTGRES_PORT,
  type RenderContext,
} from './render-context.ts'

/** The allowed connections between components; all others are denied. */
export const CONNECTIONS: Record<Component | 'prepare', readonly (Component | 'postgresql')[]> = {
  frontend: ['keygen', 'postgresql'],
  backend: ['keygen', 'postgresql'],
  distgit: ['backend', 'postgresql'],
  keygen: ['postgresql'],
  resalloc: ['postgresql'],
  prepare: ['postgresql'],
}
/** Ports for egress to destinations outside the namespace: the login provider, the API server, clouds. */
const OUTSIDE: Partial<Record<Component, number[]>> = {
  frontend: [443],
  keygen: [443, 6443],
  resalloc: [443, 6443],
}
/** Private networks of clusters and clouds, to which neither builds nor webhooks need access. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16']

const tcp = (...ports: (number | string)[]): object[] =>
  ports.map((port) => ({ protocol: 'TCP', port }))
const podsOf = (component: string): object => ({
  podSelector: { matchLabels: componentLabel(component) },
})

/** Denies all connections, and then allows those that the components need. */
export function networkPolicies(context: RenderContext): KubeObject[] {
  if (!context.vars.network_policies) return []
  const components = (Object.keys(CONNECTIONS) as (Component | 'prepare')[]).filter(
    (component) => component !== 'resalloc' || hasPools(context),
  )
  return [
    policy(context, 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy(context, 'dns', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [dns(context)],
    }),
    ...components.map((component) => outgoing(context, component)),
    ...(Object.keys(COMPONENTS) as Component[])
      .filter((component) => component !== 'resalloc' || hasPools(context))
      .map((component) => incoming(context, component)),
    ...databasePolicies(context),
  ]
}

function policy(context: Pick<RenderContext, 'namespace'>, name: string, spec: object): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(context, name, { component: 'network' }),
    spec,
  }
}

/** Allows DNS. OpenShift's DNS pods listen on port 5353, and network policies match the ports of pods. */
function dns({ facts }: Pick<RenderContext, 'facts'>): object {
  const ports = facts.flavour === 'kubernetes' ? [53] : [53, 5353]
  const both = ports.flatMap((port) => ['UDP', 'TCP'].map((protocol) => ({ protocol, port })))
  const namespace = facts.flavour === 'kubernetes' ? 'kube-system' : 'openshift-dns'
  const to = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }]
  return { to, ports: both }
}

function outgoing(context: RenderContext, component: Component | 'prepare'): KubeObject {
  const egress = CONNECTIONS[component].map((to) =>
    to === 'postgresql'
      ? toDatabase(context)
      : {
          to: [podsOf(to)],
          ports: tcp(COMPONENTS[to].port),
        },
  )
  const outside = component === 'prepare' ? undefined : outsideOf(context, component)
  return policy(context, `${component}-out`, {
    podSelector: { matchLabels: componentLabel(component) },
    policyTypes: ['Egress'],
    egress: [
      ...egress,
      ...(outside ? [{ ports: tcp(...outside) }] : []),
      ...(BUCKET_USERS.has(component) ? bucketEgress(context) : []),
      ...(component === 'backend' ? eventsEgress(context, PRIVATE) : []),
    ],
  })
}

/**
 * Returns the ports of a component's connections out of the namespace. If users log in through the cluster, the frontend also connects to
 * the API server to look them up.
 */
function outsideOf(context: RenderContext, component: Component): number[] | undefined {
  if (component === 'frontend' && loginMode(context) === 'openshift') return [443, 6443]
  return OUTSIDE[component]
}

function toDatabase(context: RenderContext): object {
  const { mode, external } = context.vars.database
  if (mode === 'external') return { ports: tcp(external?.port ?? POSTGRES_PORT) }
  const pods = operatorPods(context)
  const to = pods ? { podSelector: { matchLabels: pods } } : podsOf('postgresql')
  return { to: [to], ports: tcp(POSTGRES_PORT) }
}

function incoming(context: RenderContext, component: Component): KubeObject {
  const { port, probes_port } = COMPONENTS[component]
  const callers = (Object.keys(CONNECTIONS) as (Component | 'prepare')[]).filter((from) =>
    CONNECTIONS[from].includes(component),
  )
  const isPublic = (PUBLIC_COMPONENTS as readonly Component[]).includes(component)
  return policy(context, `${component}-in`, {
    podSelector: { matchLabels: componentLabel(component) },
    policyTypes: ['Ingress'],
    ingress: [
      ...(callers.length > 0 ? [{ from: callers.map(podsOf), ports: tcp(port) }] : []),
      ...(isPublic ? [{ ...fromOutside(context), ports: tcp(port) }] : []),
      ...(isMonitored(context) ? [{ from: monitors(context), ports: tcp(probes_port) }] : []),
    ],
  })
}

/**
 * Allows requests from the router. With an exposure other than a Route, the pods of the ingress controller are unknown, so the port is open
 * to the whole cluster.
 */
function fromOutside({ facts }: RenderContext): object {
  if (facts.exposure !== 'route') return {}
  const router = { 'policy-group.network.openshift.io/ingress': '' }
  return { from: [{ namespaceSelector: { matchLabels: router } }] }
}

function monitors({ facts }: RenderContext): object[] {
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

function databasePolicies(context: RenderContext): KubeObject[] {
  const clients = (Object.keys(CONNECTIONS) as (Component | 'prepare')[])
    .filter((component) => CONNECTIONS[component].includes('postgresql'))
    .map(podsOf)
  const fromClients = { from: clients, ports: tcp(POSTGRES_PORT) }
  const pods = operatorPods(context)
  if (pods)
    // The database pods may talk to each other, to their operator and to the API server.
    return [
      policy(context, 'postgresql', {
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
  if (context.vars.database.mode === 'external') return []
  return [
    policy(context, 'postgresql-in', {
      podSelector: { matchLabels: componentLabel('postgresql') },
      policyTypes: ['Ingress'],
      ingress: [fromClients],
    }),
  ]
}

/**
 * Policies for builder pods. They may connect to DNS, the public host and the internet, but to nothing else in the cluster, and nothing may
 * connect to them.
 */
export function builderPolicies(context: RenderContext): KubeObject[] {
  const builders = { namespace: builderNamespace(context) }
  const router =
    context.facts.exposure === 'route'
      ? [
          {
            namespaceSelector: { matchLabels: { 'policy-group.network.openshift.io/ingress': '' } },
          },
        ]
      : []
  const web = PUBLIC_COMPONENTS.map((component) => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': context.namespace } },
    podSelector: { matchLabels: { ...PART_OF, ...componentLabel(component) } },
  }))
  return [
    policy(builders, 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy(builders, 'builders-out', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [
        dns(context),
        { to: [...web, ...router] },
        { to: [{ ipBlock: { cidr: '0.0.0.0/0', except: PRIVATE } }] },
      ],
    }),
  ]
}

export function builderNamespace({ namespace }: Pick<RenderContext, 'namespace'>): string {
  return `${namespace}-builders`
}
