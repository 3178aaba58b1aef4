import type { Vars } from '@copr/contract/deployment/vars'
import type { ObjectMeta } from '@copr/kube-client/kube-object'
import type { Facts } from './facts.ts'
import type { Profile } from './profiles.ts'

/** The inputs from which all objects of one deployment are rendered. */
export interface RenderContext {
  vars: Vars
  facts: Facts
  profile: Profile
  namespace: string
  /** Whether frontend and backend may have several replicas. If not, they run in one pod, because they share one volume. */
  is_shared: boolean
}

export const COMPONENTS = {
  frontend: { port: 5000, probes_port: 9000 },
  backend: { port: 5001, probes_port: 9001 },
  distgit: { port: 5002, probes_port: 9002 },
  keygen: { port: 5003, probes_port: 9003 },
  resalloc: { port: 5004, probes_port: 9004 },
} as const satisfies Record<string, { port: number; probes_port: number }>
export type Component = keyof typeof COMPONENTS

export const PART_OF = { 'app.kubernetes.io/part-of': 'copr' }
/** The port of the database if it runs in the cluster, and the default port of an external one. */
export const POSTGRES_PORT = 5432

/** Returns the label that selects a component. Each component has a label of its own, because a pod may run several components. */
export const componentLabel = (component: string): Record<string, string> => ({
  [`copr/${component}`]: 'true',
})

export function labelsOf({ namespace }: Pick<RenderContext, 'namespace'>, component: string) {
  return {
    ...PART_OF,
    'app.kubernetes.io/name': component,
    'app.kubernetes.io/instance': namespace,
    'app.kubernetes.io/managed-by': 'coprctl',
  }
}

/** Returns an object's metadata: its name, namespace and labels, and the given fields. */
export function meta(
  context: Pick<RenderContext, 'namespace'>,
  name: string,
  { component = name, ...more }: Partial<ObjectMeta> & { component?: string } = {},
): ObjectMeta {
  const labels = { ...labelsOf(context, component), ...more.labels }
  return { namespace: context.namespace, ...more, name, labels }
}

/** Whether public components serve TLS inside the cluster. An Ingress cannot specify TLS to its backends. */
export function hasInnerTls({ facts }: Pick<RenderContext, 'facts'>): boolean {
  return facts.exposure === 'route' || (facts.exposure === 'gateway' && facts.backend_tls)
}

export function hasPools({ vars }: Pick<RenderContext, 'vars'>): boolean {
  return Object.keys(vars.builders.pools).length > 0
}
