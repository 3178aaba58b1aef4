import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeApi } from '@copr/kube-client/kube-api'
import { nameOf, type ObjectRef } from '@copr/kube-client/kube-object'
import { isWaitedFor, type Readiness, readinessOf, volumeHint } from './readiness.ts'
import { failure, type FailureHint, hintFor } from './failure-hints.ts'

export interface WaitOptions {
  namespace: string
  timeout_ms: number
  poll_ms: number
  /** Called whenever the readiness of an object, or the reason, changes. */
  tell: (readiness: Readiness) => void
  stop: AbortSignal
}

/** Waits until all objects are ready. On a timeout, or if waiting is pointless, throws an error with causes and commands. */
export async function waitUntilReady(
  api: KubeApi,
  refs: ObjectRef[],
  { namespace, timeout_ms, poll_ms, tell, stop }: WaitOptions,
): Promise<void> {
  const told = new Map<string, string>()
  const began = performance.now()
  for (;;) {
    const states = await Promise.all(refs.filter(isWaitedFor).map((ref) => readinessOf(api, ref)))
    for (const state of states) {
      const words = state.ready ? 'ready' : state.why
      if (told.get(state.object) !== words) tell(state)
      told.set(state.object, words)
    }
    const waiting = states.filter(({ ready }) => !ready)
    if (waiting.length === 0) return
    const isOver = performance.now() - began > timeout_ms
    const hopeless = isOver ? waiting : waiting.filter((each) => each.hopeless)
    if (hopeless.length > 0)
      throw failure('finish the deployment', await hints(api, refs, hopeless, namespace))
    await sleep(poll_ms, undefined, { signal: stop })
  }
}

async function hints(
  api: KubeApi,
  refs: ObjectRef[],
  states: Readiness[],
  namespace: string,
): Promise<FailureHint[]> {
  const claims = refs.filter(({ kind }) => kind === 'PersistentVolumeClaim')
  const volumes = await Promise.all(
    claims.map(async (ref) => ({ what: nameOf(ref), said: await volumeHint(api, ref) })),
  )
  const unbound = volumes.filter(
    (each): each is { what: string; said: string } => each.said !== undefined,
  )
  return [
    ...unbound.map(({ what, said }) => hintFor(what, said, namespace)),
    ...states.map(({ object, why }) => hintFor(object, why, namespace)),
  ]
}
