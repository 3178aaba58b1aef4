import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Refused bodies are read one 64 KiB chunk per 2 ms, which is 32 MB per second for the whole process, so that reading them takes little
 * time from other requests.
 */
const MS_PER_READ = 2
/** A client that has not sent its whole body after this time gets its response anyway. */
const MAX_MS = 30_000

/** The readers of refused bodies, in round-robin order: the first one reads next. */
const waiting: (() => boolean)[] = []
let isReading = false

/**
 * Reads and discards the rest of a refused request. Many clients read the response only after sending the whole body; without this, they
 * would see a broken connection instead.
 */
export async function discardBody(incoming: IncomingMessage, max_ms = MAX_MS): Promise<void> {
  if (incoming.complete || incoming.destroyed) return
  // The handler no longer reads the body. If its listeners were not removed, they would keep the remaining data in memory.
  incoming.removeAllListeners('data')
  incoming.pause()
  const until = performance.now() + max_ms
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.push(() => {
    // This reads at most the 64 KiB that the stream has buffered. The stream reads no more than that from the connection.
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
