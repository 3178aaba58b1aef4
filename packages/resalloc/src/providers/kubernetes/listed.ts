import type { V1PodStatus } from '@kubernetes/client-node'
import type { KubeObject, ObjectMeta } from '@copr/kube-client/kube-object'
import type { Listed } from '../provider.ts'
import { ANNOTATIONS, LABELS } from './naming.ts'
import type { Pod } from './pod.ts'

const POD = 'machine'
const SECRET = 'secret'

/** Waiting reasons that mean that a pod's container will never run. */
const HOPELESS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImageInspectError',
  'ImagePullBackOff',
  'InvalidImageName',
  'RunContainerError',
])
/** Reasons of pods that the cluster itself ended because the node was drained, overcommitted or shut down. */
const INTERRUPTED = new Set([
  'Evicted',
  'Preempting',
  'NodeShutdown',
  'Shutdown',
  'Terminated',
  'NodeLost',
])

type Outcome = Pick<Listed, 'state' | 'cause' | 'message'>

export function listedPod(pod: Pod): Listed {
  return { kind: POD, ...factsOf(pod.metadata), ...outcomeOf(pod) }
}

/** Lists a secret. It costs nothing and is deleted together with its machine. */
export function listedSecret(secret: KubeObject): Listed {
  return { kind: SECRET, ...factsOf(secret.metadata), state: 'running' }
}

function factsOf(metadata: ObjectMeta) {
  const { name, namespace, labels = {}, annotations = {}, creationTimestamp } = metadata
  const machine_id = Number(labels[LABELS.machine])
  return {
    provider_id: name,
    machine_id: Number.isSafeInteger(machine_id) && machine_id > 0 ? machine_id : undefined,
    pool: labels[LABELS.pool],
    launch_token: annotations[ANNOTATIONS.launch_token],
    created_at: creationTimestamp === undefined ? undefined : new Date(creationTimestamp),
    data: { namespace },
  }
}

function outcomeOf({ metadata, status }: Pod): Outcome {
  if (isEnded(status)) return { state: 'ended', ...endOf(status) }
  if (metadata.deletionTimestamp !== undefined)
    return isDisrupted(status)
      ? { state: 'stopping', cause: 'interrupted', message: disruptionOf(status) }
      : { state: 'stopping' }
  if (status?.phase === 'Running') return { state: 'running' }
  return { state: 'starting', ...delayOf(status) }
}

export function isEnded(status: V1PodStatus | undefined): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function endOf(status: V1PodStatus | undefined): Pick<Listed, 'cause' | 'message'> {
  const reason = status?.reason ?? ''
  const message = status?.message
  if (isDisrupted(status) || INTERRUPTED.has(reason))
    return { cause: 'interrupted', message: disruptionOf(status) ?? message ?? reason }
  if (status?.phase === 'Succeeded') return { cause: 'powered_off' }
  if (reason === 'DeadlineExceeded')
    return { cause: 'stopped', message: 'It reached its maximum lifetime' }
  const terminated = status?.containerStatuses?.[0]?.state?.terminated
  if (terminated?.reason === 'OOMKilled')
    return { cause: 'failed', message: 'The builder ran out of memory and was killed' }
  if (terminated)
    return {
      cause: 'failed',
      message: message ?? `The builder exited with code ${terminated.exitCode}`,
    }
  return { cause: 'failed', message: message ?? (reason || undefined) }
}

/** Returns why a pod is not running yet, if known. */
function delayOf(status: V1PodStatus | undefined): Pick<Listed, 'cause' | 'message'> {
  const waiting = status?.containerStatuses?.[0]?.state?.waiting
  if (waiting?.reason !== undefined && HOPELESS.has(waiting.reason))
    return { cause: 'failed', message: `${waiting.reason}: ${waiting.message ?? 'no message'}` }
  const scheduled = conditionOf(status, 'PodScheduled')
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable')
    return { cause: 'no_capacity', message: scheduled.message }
  return {}
}

function isDisrupted(status: V1PodStatus | undefined): boolean {
  return conditionOf(status, 'DisruptionTarget')?.status === 'True'
}

function disruptionOf(status: V1PodStatus | undefined): string | undefined {
  return conditionOf(status, 'DisruptionTarget')?.message
}

function conditionOf(status: V1PodStatus | undefined, type: string) {
  return status?.conditions?.find((condition) => condition.type === type)
}
