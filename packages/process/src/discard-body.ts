import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Limits the reading of all refused bodies of a process to 32 MB per second, so that it takes little time from other requests. */
const MS_PER_READ = 2
/** A client that has not sent its whole body after this time gets its response anyway. */
const MAX_MS = 30_000

/** The readers of refused bodies; the first one reads next. */
const waiting: (() => boolean)[] = []
let isReading = false

/**
 * Reads and discards the rest of a refused request. Many clients read the response only after they have sent the whole body,
 * and would see a broken connection instead.
 */
export async function discardBody(incoming: IncomingMessage, max_ms = MAX_MS): Promise<void> {
  if (incoming.complete || incoming.destroyed) return
  // The handler has stopped reading: without this, its listeners would keep the remaining data in memory.
  incoming.removeAllListeners('data')
  incoming.pause()
  const until = performance.now() + max_ms
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.push(() => {
    // At most what the stream has buffered, 64 KiB; the connection is not read beyond that.
    incoming.read()
    const isDone = incoming.complete || incoming.destroyed || performance.now() > until
    if (isDone) resolve()
    return isDone
  })
  void readInTurn()
  await promise
}

async function readInTurn(): Promise<void> {
  if (isReading) return
  isReading = true
  for (let read = waiting.shift(); read !== undefined; read = waiting.shift()) {
    if (!read()) waiting.push(read)
    await sleep(MS_PER_READ)
  }
  isReading = false
}
