import { setTimeout as sleep } from 'node:timers/promises'
import { type KubeClient, KubeError } from './kube-client.ts'

export interface ControlLoopOptions {
  client: KubeClient
  /** `[apiVersion, kind]`: a change of any of these is a reason to look again. */
  kinds: (readonly [string, string])[]
  /** Reads the state and does what is due; says in how many milliseconds it is due again, if time alone changes it. */
  step: () => Promise<number | undefined>
}

export interface ControlLoop extends AsyncDisposable {
  /** For what no watch tells. */
  lookAgain(): void
}

/** How long to wait after a failure: of the API server, or of an update that somebody else was faster with. */
const RETRY_MS = 100

/** A controller, in the way that all of Kubernetes' are made: woken by watches, doing what the state asks for. */
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

/** Backs off after an error of the API server or the network; rethrows others, as a defect in the loop must be seen. */
async function afterFailure(error: unknown): Promise<void> {
  const passes = error instanceof KubeError || 'code' in (error as Error) || isAborted(error)
  if (!passes) throw error
  await sleep(RETRY_MS)
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.message === 'aborted')
}
