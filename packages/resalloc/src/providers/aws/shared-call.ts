/**
 * One piece of work that several callers wait for. Each leaves with its own deadline; when all have left, the work is told to
 * end.
 */
function sharedCall<T>(work: (signal: AbortSignal) => Promise<T>) {
  const abort = new AbortController()
  let waiting = 0
  let begin: (() => void) | undefined
  const result = new Promise<void>((resolve) => (begin = resolve)).then(
    async () => await work(abort.signal),
  )
  result.catch(() => undefined) // each caller hears of it below, also when none is left
  return {
    begin: (): Promise<T> => {
      begin?.()
      return result
    },
    /** Nobody waits for it any more. */
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

/** Runs one at a time. Who comes while one runs shares the next one, so that all see what was there when they came. */
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
    // Those that come in the same moment are in the same one.
    if (!running) {
      running = Promise.resolve()
      queueMicrotask(beginNext)
    }
    return await joined
  }
}
