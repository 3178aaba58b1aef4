/**
 * Runs `work` once for several callers that wait for it. Each caller leaves at its own deadline; when all have left, the run is aborted.
 */
function sharedCall<T>(work: (signal: AbortSignal) => Promise<T>) {
  const abort = new AbortController()
  let waiting = 0
  let begin: (() => void) | undefined
  const result = new Promise<void>((resolve) => (begin = resolve)).then(
    async () => await work(abort.signal),
  )
  result.catch(() => undefined) // each caller gets the error below; there may be none left
  return {
    begin: (): Promise<T> => {
      begin?.()
      return result
    },
    /** Whether all callers have left. */
    isLeft: (): boolean => abort.signal.aborted,
    async join(signal: AbortSignal): Promise<T> {
      signal.throwIfAborted()
      waiting++
      const left = Promise.withResolvers<never>()
      const leave = (): void => left.reject(signal.reason as Error)
      signal.addEventListener('abort', leave, { once: true })
      try {
        return await Promise.race([result, left.promise])
      } finally {
        signal.removeEventListener('abort', leave)
        if (--waiting === 0) abort.abort()
      }
    },
  }
}

type Shared<T> = ReturnType<typeof sharedCall<T>>

/**
 * Returns a function that runs `work`, one run at a time. Calls made during a run share the next run, so a result is never older than the
 * call.
 */
export function shareNext<T>(work: (signal: AbortSignal) => Promise<T>) {
  let running: Promise<unknown> | undefined
  let next: Shared<T> | undefined
  const beginNext = (): void => {
    const begun = next
    next = undefined
    if (!begun) return
    running = begun
      .begin()
      .catch(() => undefined)
      .then(() => {
        running = undefined
        beginNext()
      })
  }
  return async (signal: AbortSignal): Promise<T> => {
    signal.throwIfAborted()
    if (!next || next.isLeft()) next = sharedCall(work)
    const joined = next.join(signal)
    // Deferred, so that calls made synchronously together share one run.
    if (!running) {
      running = Promise.resolve()
      queueMicrotask(beginNext)
    }
    return await joined
  }
}
