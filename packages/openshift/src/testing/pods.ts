import type { KubeObject } from '@copr/kube-client/kube-object'

export interface SampleContainer {
  name: string
  image: string
  args: string[]
  env: { name: string; value?: string }[]
  ports?: { name: string; containerPort: number }[]
  resources: { requests: Record<string, string>; limits: Record<string, string> }
  securityContext: Record<string, unknown>
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[]
  startupProbe?: object
  readinessProbe?: object
  livenessProbe?: object
  lifecycle?: object
}

export interface PodTemplate {
  owner: KubeObject
  metadata: { labels: Record<string, string>; annotations: Record<string, string> }
  spec: {
    serviceAccountName: string
    automountServiceAccountToken: boolean
    securityContext: Record<string, unknown>
    containers: SampleContainer[]
    volumes: Record<string, unknown>[]
    [field: string]: unknown
  }
}

/** Returns the pod templates in the objects. */
export function podsOf(objects: KubeObject[]): PodTemplate[] {
  return objects.flatMap((owner) => {
    const spec = owner['spec'] as { template?: Omit<PodTemplate, 'owner'> } | undefined
    return spec?.template ? [{ owner, ...spec.template }] : []
  })
}
