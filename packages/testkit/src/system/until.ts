import { setTimeout as sleep } from 'node:timers/promises'

export interface UntilOptions {
  timeout_ms: number
  /** Completes the message "waited 10 s for …". */
  what: string
  /** Returns what was last observed, to be included in the error on a timeout. */
  seen?: () => unknown
  every_ms?: number
}

/** Polls until the result is neither undefined nor false; throws on a timeout. */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { timeout_ms, what, seen, every_ms = 50 }: UntilOptions,
): Promise<T> {
  const began = performance.now()
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() - began > timeout_ms) {
      const last = seen === undefined ? '' : `; last seen: ${JSON.stringify(await seen())}`
      throw new Error(`Waited ${timeout_ms / 1000} s for ${what}${last}`)
    }
    await sleep(every_ms)
  }
}
