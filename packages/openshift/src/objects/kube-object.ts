export interface ObjectMeta {
  name: string
  namespace?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
}

/** An object of Kubernetes, as it is sent. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  [field: string]: unknown
}

/** Which object. */
export interface ObjectRef {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

/** `Deployment frontend`. */
export function nameOf({ kind, metadata }: ObjectRef): string {
  return `${kind} ${metadata.name}`
}

/** The same for the same object, whatever it says. */
export function keyOf({ apiVersion, kind, metadata }: ObjectRef): string {
  return [apiVersion.split('/')[0], kind, metadata.namespace ?? '', metadata.name].join('|')
}

/** `deployment-frontend.yaml`. */
export function fileNameOf({ kind, metadata: { name, namespace = '' } }: ObjectRef): string {
  const place = namespace.endsWith('-builders') ? 'builders-' : ''
  return `${place}${kind.toLowerCase()}-${name}.yaml`
}
