import type { KubeObject } from '@copr/kube-client/kube-object'

/** Where podman runs a deployment, and under which name. */
export interface Place {
  namespace: string
  /** The deployment's network in CIDR notation: `10.89.0.0/24`. */
  subnet: string
  publish: { host: string; port: number }
  images: { server: string; builder: string }
}

/** A Secret or ConfigMap that is not rendered, and those of its keys that a pod needs as files in a volume. */
export interface Given {
  volume: string
  kind: 'Secret' | 'ConfigMap'
  name: string
  items: { key: string; path: string }[]
}

export interface PodmanPod {
  name: string
  component: string
  /** The input of `podman kube play`: ConfigMaps, then the pod. */
  objects: KubeObject[]
  address: string
  given: Given[]
  /** Volumes that outlive the pod. */
  data: string[]
  runs: 'always' | 'once'
  /** Readiness checks of the containers: an HTTP request if `path` is set, a TCP connection if not. */
  checks: { container: string; port: number; path?: string }[]
}

export const INSTANCE_LABEL = 'copr/instance'

export function labelled(
  { namespace }: Pick<Place, 'namespace'>,
  more: Record<string, string> = {},
): Record<string, string> {
  return { ...more, [INSTANCE_LABEL]: namespace }
}

/** Returns the name of a pod. podman has no namespaces, so the name begins with the namespace. */
export function podName({ namespace }: Pick<Place, 'namespace'>, component: string): string {
  return `${namespace}-${component}`
}

export function givenVolume(
  { namespace }: Pick<Place, 'namespace'>,
  kind: Given['kind'],
  name: string,
): string {
  return `${namespace}-${kind.toLowerCase()}-${name}`
}
