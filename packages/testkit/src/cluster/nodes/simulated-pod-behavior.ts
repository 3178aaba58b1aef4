import type { KubeObject } from '../kube-client.ts'

/** The behavior of a pod on a simulated node. */
export type SimulatedPodBehavior =
  /** Runs, and becomes ready after this many milliseconds. */
  | { kind: 'runs'; ready_ms?: number }
  /** Runs, but its readiness probe always fails. */
  | { kind: 'never-ready'; message: string }
  /** Exits, like a pod of a Job. */
  | { kind: 'ends'; exit_code: number; after_ms?: number; message?: string }
  /** The registry denies access to the image. */
  | { kind: 'image-denied'; message: string }
  /** Exits each time it is started, and is restarted repeatedly. */
  | { kind: 'crashes'; exit_code: number; reason?: 'Error' | 'OOMKilled' }

/** Returns the default behavior: pods of services are ready at once, and pods of Jobs succeed at once. */
export function defaultBehavior(pod: KubeObject): SimulatedPodBehavior {
  return pod['spec'].restartPolicy === 'Always' ? { kind: 'runs' } : { kind: 'ends', exit_code: 0 }
}

interface PodEvent {
  type: 'Normal' | 'Warning'
  reason: string
  message: string
}

export interface Observation {
  status: Record<string, unknown>
  event?: PodEvent
  /** Milliseconds until the status changes just because time has passed. */
  due_ms?: number
}

interface Container {
  name: string
  image: string
}

/** Returns the status that a kubelet would report for a pod with this behavior, `age_ms` after the pod was scheduled. */
export function observe(
  pod: KubeObject,
  behavior: SimulatedPodBehavior,
  age_ms: number,
  podIP: string,
): Observation {
  const since = pod['status'].startTime as string
  const running = { running: { startedAt: since } }
  const ended = (exitCode: number, reason: string, message?: string): object => ({
    exitCode,
    reason,
    startedAt: since,
    finishedAt: since,
    ...(message ? { message } : {}),
  })
  switch (behavior.kind) {
    case 'runs': {
      const left = (behavior.ready_ms ?? 0) - age_ms
      const status = statusOf(pod, 'Running', running, { ready: left <= 0, podIP })
      return left > 0 ? { status, due_ms: left } : { status }
    }
    case 'never-ready': {
      const message = `Readiness probe failed: ${behavior.message}`
      return {
        status: statusOf(pod, 'Running', running, { podIP }),
        event: { type: 'Warning', reason: 'Unhealthy', message },
      }
    }
    case 'ends': {
      const left = (behavior.after_ms ?? 0) - age_ms
      if (left > 0)
        return { status: statusOf(pod, 'Running', running, { ready: true, podIP }), due_ms: left }
      const isGood = behavior.exit_code === 0
      const state = ended(behavior.exit_code, isGood ? 'Completed' : 'Error', behavior.message)
      const phase = isGood ? 'Succeeded' : 'Failed'
      return { status: statusOf(pod, phase, { terminated: state }, { podIP }) }
    }
    case 'image-denied': {
      const image = (pod['spec'].containers as Container[])[0]?.image
      const message = `Failed to pull image "${image}": ${behavior.message}`
      const waiting = { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` }
      return {
        status: statusOf(pod, 'Pending', { waiting }, { podIP }),
        event: { type: 'Warning', reason: 'Failed', message },
      }
    }
    case 'crashes': {
      const message = `back-off restarting failed container in pod ${pod.metadata.name}`
      const last = { terminated: ended(behavior.exit_code, behavior.reason ?? 'Error') }
      const waiting = { reason: 'CrashLoopBackOff', message }
      return {
        status: statusOf(pod, 'Running', { waiting }, { podIP, last, restarts: 3 }),
        event: { type: 'Warning', reason: 'BackOff', message },
      }
    }
  }
}

/** Returns the status that a kubelet would report for a pod that waits for a missing ConfigMap or Secret. */
export function observeMissing(
  pod: KubeObject,
  missing: { kind: string; name: string; from: 'volume' | 'environment' },
): Observation {
  const message = `${missing.kind.toLowerCase()} "${missing.name}" not found`
  if (missing.from === 'environment') {
    const waiting = { reason: 'CreateContainerConfigError', message }
    const event = { type: 'Warning' as const, reason: 'Failed', message: `Error: ${message}` }
    return { status: statusOf(pod, 'Pending', { waiting }, {}), event }
  }
  const text = `MountVolume.SetUp failed for a volume: ${message}`
  const event = { type: 'Warning' as const, reason: 'FailedMount', message: text }
  return {
    status: statusOf(pod, 'Pending', { waiting: { reason: 'ContainerCreating' } }, {}),
    event,
  }
}

interface StatusDetails {
  ready?: boolean
  podIP?: string
  last?: object
  restarts?: number
}

function statusOf(
  pod: KubeObject,
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed',
  state: object,
  { ready = false, podIP, last = {}, restarts = 0 }: StatusDetails,
): Record<string, unknown> {
  const since = pod['status'].startTime as string
  const { containers, initContainers = [] } = pod['spec'] as {
    containers: Container[]
    initContainers?: Container[]
  }
  const one = ({ name, image }: Container): Record<string, unknown> => ({
    name,
    image,
    imageID: phase === 'Pending' ? '' : image,
    state,
    lastState: last,
    ready,
    started: 'running' in state,
    restartCount: restarts,
  })
  const done = {
    terminated: { exitCode: 0, reason: 'Completed', startedAt: since, finishedAt: since },
  }
  const is = (type: string, value: boolean, reason?: string): object => ({
    type,
    status: value ? 'True' : 'False',
    lastTransitionTime: since,
    ...(reason ? { reason } : {}),
  })
  const notReady = phase === 'Succeeded' ? 'PodCompleted' : 'ContainersNotReady'
  return {
    phase,
    startTime: since,
    hostIP: '10.0.0.1',
    hostIPs: [{ ip: '10.0.0.1' }],
    ...(podIP ? { podIP, podIPs: [{ ip: podIP }] } : {}),
    conditions: [
      is('PodScheduled', true),
      is('Initialized', phase !== 'Pending'),
      is('ContainersReady', ready, ready ? undefined : notReady),
      is('Ready', ready, ready ? undefined : notReady),
    ],
    containerStatuses: containers.map(one),
    initContainerStatuses: initContainers.map((container) => ({
      ...one(container),
      ...(phase === 'Pending' ? {} : { state: done, ready: true }),
    })),
  }
}
