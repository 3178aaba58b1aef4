import type { KubeApi } from '@copr/kube-client/kube-api'
import { type KubeObject, keyOf, type ObjectRef } from '@copr/kube-client/kube-object'
import { refOf } from './state.ts'
import { refused } from './failure-hints.ts'

export type Change = 'made' | 'changed' | 'unchanged'

interface ApplyAllOptions {
  namespace: string
  tell: (ref: ObjectRef, change: Change) => void
  /** Once this signal is aborted, no more objects are applied. */
  stop?: AbortSignal
}

/** Applies objects in order: each may need the ones before it. */
export async function applyAll(
  api: KubeApi,
  objects: KubeObject[],
  { namespace, tell, stop }: ApplyAllOptions,
): Promise<void> {
  for (const object of objects) {
    stop?.throwIfAborted()
    try {
      const before = await api.find(object)
      const after = await api.apply(object)
      const isSame = before?.metadata.resourceVersion === after.metadata.resourceVersion
      tell(object, before === undefined ? 'made' : isSame ? 'unchanged' : 'changed')
    } catch (error) {
      throw refused('deploy', object, error, namespace)
    }
  }
}

/** Kinds of objects that hold data that cannot be recreated. They are removed only if a deployment is removed with all its data. */
const KEPT = new Set([
  'PersistentVolumeClaim',
  'ObjectBucketClaim',
  'Secret',
  'Namespace',
  'Cluster',
  'PostgresCluster',
])

export function holdsData({ kind }: ObjectRef): boolean {
  return KEPT.has(kind)
}

/** Deletes objects that an earlier deployment made and this one does not include. */
export async function prune(
  api: KubeApi,
  before: ObjectRef[],
  now: KubeObject[],
  tell: (ref: ObjectRef) => void,
): Promise<void> {
  const wanted = new Set(now.map(keyOf))
  for (const ref of before.filter((each) => !wanted.has(keyOf(each)) && !holdsData(each)))
    if (await api.remove(refOf(ref))) tell(ref)
}

export interface Drift {
  object: ObjectRef
  /** `missing`, or the paths of the fields that differ from what a deployment would apply. */
  what: string
}

/** Detects how the live objects differ from what a deployment would apply. It uses server-side dry runs and changes nothing. */
export async function driftOf(api: KubeApi, objects: KubeObject[]): Promise<Drift[]> {
  const drifts: Drift[] = []
  for (const object of objects) {
    const live = await api.find(object)
    if (!live) drifts.push({ object, what: 'missing' })
    else {
      const paths = differences(live, await api.apply(object, { dryRun: true }))
      if (paths.length > 0) drifts.push({ object, what: paths.join(', ') })
    }
  }
  return drifts
}

/** Fields that record writes or the live status instead of the desired state. */
const BOOKKEEPING = new Set([
  'metadata.managedFields',
  'metadata.resourceVersion',
  'metadata.generation',
  'status',
])

function differences(a: unknown, b: unknown, path = ''): string[] {
  if (BOOKKEEPING.has(path) || a === b) return []
  if (!isObject(a) || !isObject(b)) return [path]
  if (Array.isArray(a) !== Array.isArray(b)) return [path]
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return keys.flatMap((key) => differences(a[key], b[key], path === '' ? key : `${path}.${key}`))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
