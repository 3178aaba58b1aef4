import type { Logger } from './log.ts'

/** Wakes one loop. May be rung from anywhere; if it rings while the loop is not waiting, the next `wait()` returns at once. */
export class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves when the bell rings, after `ms` milliseconds, or when `stop` is aborted. */
  async wait(ms: number, stop: AbortSignal): Promise<void> {
    if (!this.#rung && !stop.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer)
          stop.removeEventListener('abort', done)
          resolve()
        }
        const timer = setTimeout(done, ms)
        stop.addEventListener('abort', done, { once: true })
        this.#wake = done
      })
      this.#wake = undefined
    }
    this.#rung = false
  }
}

export interface EveryOptions {
  stop: AbortSignal
  log: Logger
  /** When this bell rings, the step runs immediately instead of after the interval. */
  bell?: Bell
}

/**
 * Runs a step repeatedly until `stop` aborts. A failed step is logged and retried after the usual interval, which is safe because
 * each step decides what to do from the current state.
 */
export async function every(
  seconds: number,
  step: () => Promise<void>,
  { stop, log, bell = new Bell() }: EveryOptions,
): Promise<void> {
  while (!stop.aborted) {
    try {
      await step()
    } catch (err) {
      if (stop.aborted) return
      log.error({ err }, 'Step failed, retrying')
    }
    await bell.wait(seconds * 1000, stop)
  }
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
}
