import type { KubeObject } from '../src/cluster/kube-client.ts'

/** The security context that a container must have under the Pod Security level `restricted`. */
const RESTRICTED = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

/** Returns the spec of a pod that `restricted` admits, with additional fields. */
export function podSpec(more: Record<string, unknown> = {}, container = {}): object {
  const main = { name: 'main', image: 'registry.invalid/probe', securityContext: RESTRICTED }
  return { containers: [{ ...main, ...container }], ...more }
}

export function pod(namespace: string, name: string, spec: object): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec }
}

export function configMap(namespace: string, name: string, data = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data }
}

export function deployment(
  namespace: string,
  name: string,
  replicas: number,
  spec = podSpec(),
): KubeObject {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec },
    },
  }
}

export function claim(namespace: string, name: string, storageClassName?: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...(storageClassName ? { storageClassName } : {}),
    },
  }
}
