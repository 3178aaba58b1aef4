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
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string }[]
}

/** A Kubernetes object, as sent to the API server. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  [field: string]: unknown
}

/** Identifies an object. */
export interface ObjectRef {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

/** Returns the name of an object in messages: `Deployment frontend`. */
export function nameOf({ kind, metadata }: ObjectRef): string {
  return `${kind} ${metadata.name}`
}

/** Returns a key that identifies an object, independent of its content and API version. */
export function keyOf({ apiVersion, kind, metadata }: ObjectRef): string {
  return [apiVersion.split('/')[0], kind, metadata.namespace ?? '', metadata.name].join('|')
}
