import { ifAllowed, type KubeApi } from '@copr/kube-client/kube-api'
import { type KubeObject, nameOf, type ObjectRef } from '@copr/kube-client/kube-object'

/** Whether an object is ready, and if not, why. */
export interface Readiness {
  object: string
  ready: boolean
  /** Why the object is not ready; empty when it is. */
  why: string
  /** Whether waiting is pointless, because the object cannot become ready by itself. */
  hopeless: boolean
}

/** Kinds of objects that take time to become ready; objects of other kinds are ready once they exist. */
const WAITED_FOR = new Set([
  'Deployment',
  'StatefulSet',
  'Job',
  'Route',
  'Cluster',
  'PostgresCluster',
  'ObjectBucketClaim',
])

export function isWaitedFor({ kind }: ObjectRef): boolean {
  return WAITED_FOR.has(kind)
}

interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
}

interface Status {
  observedGeneration?: number
  replicas?: number
  updatedReplicas?: number
  availableReplicas?: number
  readyReplicas?: number
  succeeded?: number
  conditions?: Condition[]
  /** The phase of an ObjectBucketClaim: `Bound` once the bucket exists. */
  phase?: string
  ingress?: { host?: string; conditions?: Condition[] }[]
}

export async function readinessOf(api: KubeApi, ref: ObjectRef): Promise<Readiness> {
  const object = nameOf(ref)
  const live = await api.find(ref)
  const waiting = (why: string, hopeless = false): Readiness => ({
    object,
    ready: false,
    why,
    hopeless,
  })
  if (!live) return waiting('it does not exist')
  const status = (live['status'] ?? {}) as Status
  const condition = (type: string): Condition | undefined =>
    status.conditions?.find((each) => each.type === type)
  const done: Readiness = { object, ready: true, why: '', hopeless: false }
  switch (ref.kind) {
    case 'Deployment':
    case 'StatefulSet': {
      const { replicas = 1 } = live['spec'] as { replicas?: number }
      const isObserved = (status.observedGeneration ?? 0) >= (live.metadata.generation ?? 0)
      const good = Math.min(
        status.updatedReplicas ?? 0,
        status.availableReplicas ?? status.readyReplicas ?? 0,
      )
      if (isObserved && good >= replicas && (status.replicas ?? 0) <= replicas) return done
      const refusal = condition('ReplicaFailure')
      if (refusal?.status === 'True') return waiting(refusal.message ?? 'pods are refused', true)
      const hint = (await podHint(api, live)) ?? (await eventHint(api, live))
      return waiting(hint ?? `${good} of ${replicas} pods are ready`)
    }
    case 'Job': {
      if (condition('Complete')?.status === 'True' || (status.succeeded ?? 0) > 0) return done
      const failed = condition('Failed')
      if (failed?.status === 'True') return waiting(`Error: ${failed.message ?? 'it failed'}`, true)
      return waiting(
        (await podHint(api, live)) ??
          (await eventHint(api, live)) ??
          'its pod has not finished yet',
      )
    }
    case 'Route': {
      const admitted = status.ingress
        ?.flatMap(({ conditions = [] }) => conditions)
        .filter(({ type }) => type === 'Admitted')
      if (admitted?.some((each) => each.status === 'True')) return done
      const [refusal] = admitted ?? []
      if (!refusal) return waiting('not admitted yet: no router has processed it')
      return waiting(
        `${refusal.reason ?? 'NotAdmitted'}: ${refusal.message ?? ''}`,
        refusal.reason === 'HostAlreadyClaimed',
      )
    }
    case 'ObjectBucketClaim':
      if (status.phase === 'Bound') return done
      return waiting(
        (await eventHint(api, live)) ?? `no bucket yet: the claim is ${status.phase ?? 'new'}`,
      )
    default: {
      const ready = condition('Ready') ?? condition('PGBackRestRepoHostReady')
      return ready?.status === 'True'
        ? done
        : waiting(ready?.message ?? 'its operator is working on it')
    }
  }
}

interface Pod extends KubeObject {
  status?: {
    phase?: string
    conditions?: Condition[]
    containerStatuses?: {
      name: string
      ready?: boolean
      state?: { waiting?: { reason?: string; message?: string } }
      lastState?: { terminated?: { exitCode?: number; message?: string } }
    }[]
  }
}

/** Returns the first reason that keeps one of the owner's pods from running; undefined if there is none. */
async function podHint(api: KubeApi, owner: KubeObject): Promise<string | undefined> {
  const { template } = owner['spec'] as {
    template: { metadata: { labels: Record<string, string> } }
  }
  const { metadata } = owner
  const name = template.metadata.labels['app.kubernetes.io/name'] ?? metadata.name
  const labelSelector = `app.kubernetes.io/name=${name},app.kubernetes.io/part-of=copr`
  const pods = (await ifAllowed(
    api.list('v1', 'Pod', {
      ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
      labelSelector,
    }),
  )) as Pod[] | undefined
  for (const { status } of pods ?? []) {
    const unscheduled = status?.conditions?.find(
      ({ type, status: is }) => type === 'PodScheduled' && is === 'False',
    )
    if (unscheduled) return unscheduled.message ?? 'not scheduled to a node yet'
    for (const { name: container, state, lastState } of status?.containerStatuses ?? []) {
      const { reason, message = '' } = state?.waiting ?? {}
      if (reason === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing')
        continue
      const last = lastState?.terminated
      const words = last
        ? `exit code ${last.exitCode}: ${last.message?.trim().split('\n').at(-1) ?? ''}`
        : message
      return `${container}: ${reason} ${words}`.trim()
    }
  }
  return undefined
}

/** Returns the message of the last FailedCreate event. StatefulSets and Jobs have no condition that reports pods that cannot be created. */
async function eventHint(
  api: KubeApi,
  { kind, metadata }: KubeObject,
): Promise<string | undefined> {
  const events = (await ifAllowed(
    api.list('v1', 'Event', {
      ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
      fieldSelector: `involvedObject.kind=${kind},involvedObject.name=${metadata.name},type=Warning`,
    }),
  )) as { reason?: string; message?: string }[] | undefined
  return events?.findLast(({ reason }) => reason === 'FailedCreate')?.message
}

const UNBOUND = new Set(['FailedBinding', 'ProvisioningFailed', 'ExternalProvisioning'])

/** Returns why no volume is provisioned for a claim; undefined if the claim is bound or only waits for its first pod. */
export async function volumeHint(api: KubeApi, ref: ObjectRef): Promise<string | undefined> {
  const claim = await api.find(ref)
  if ((claim?.['status'] as { phase?: string } | undefined)?.phase !== 'Pending') return undefined
  const events = (await ifAllowed(
    api.list('v1', 'Event', {
      ...(ref.metadata.namespace ? { namespace: ref.metadata.namespace } : {}),
      fieldSelector: `involvedObject.kind=PersistentVolumeClaim,involvedObject.name=${ref.metadata.name}`,
    }),
  )) as { reason?: string; message?: string }[] | undefined
  const last = events?.findLast(({ reason = '' }) => UNBOUND.has(reason))
  return last && `${last.reason}: ${last.message}`
}
