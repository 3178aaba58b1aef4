import { setTimeout as sleep } from 'node:timers/promises'
import { type KubeClient, KubeError } from './kube-client.ts'

export interface ControlLoopOptions {
  client: KubeClient
  /** `[apiVersion, kind]` pairs: a change to any object of these kinds triggers a step. */
  kinds: (readonly [string, string])[]
  /** Reconciles once. Returns the number of milliseconds after which to reconcile again; undefined if only another change requires it. */
  step: () => Promise<number | undefined>
}

export interface ControlLoop extends AsyncDisposable {
  /** Triggers a step after a change that no watch reports. */
  lookAgain(): void
}

/** How long to wait after an error from the API server or a conflict with a concurrent update. */
const RETRY_MS = 100

/** Starts a controller like those of Kubernetes: watches wake it, and it then reconciles the state. */
export function startControlLoop({ client, kinds, step }: ControlLoopOptions): ControlLoop {
  const stop = new AbortController()
  const { signal } = stop
  let wake = Promise.withResolvers<void>()
  const watches = kinds.map(async ([apiVersion, kind]) => {
    while (!signal.aborted) {
      try {
        for await (const _ of client.watch(apiVersion, kind, { signal })) wake.resolve()
      } catch (error) {
        if (!signal.aborted) await afterFailure(error)
      }
    }
  })
  const steps = (async () => {
    while (!signal.aborted) {
      wake = Promise.withResolvers<void>()
      const due = await step().catch(async (error: unknown) => {
        if (!signal.aborted) await afterFailure(error)
        return 0
      })
      if (signal.aborted) return
      const timer = due === undefined ? undefined : setTimeout(() => wake.resolve(), due)
      await wake.promise
      clearTimeout(timer)
    }
  })()
  return {
    lookAgain: () => wake.resolve(),
    async [Symbol.asyncDispose]() {
      stop.abort()
      wake.resolve()
      await Promise.all([...watches, steps])
    },
  }
}

/** Waits after an error of the API server or the network; rethrows any other error, so that a bug in the loop is not hidden. */
async function afterFailure(error: unknown): Promise<void> {
  const passes = error instanceof KubeError || 'code' in (error as Error) || isAborted(error)
  if (!passes) throw error
  await sleep(RETRY_MS)
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.message === 'aborted')
}
