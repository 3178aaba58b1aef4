import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** All refused bodies of a process together are read with at most 32 MB a second: they take little time from other requests. */
const MS_PER_READ = 2
/** A client that has not sent its body by then gets its answer without. */
const MAX_MS = 30_000

/** Whose turn it is next comes first. */
const waiting: (() => boolean)[] = []
let isReading = false

/**
 * Reads and forgets what is left of a request that is refused. Many clients look at an answer only after they have sent
 * everything, and would see a broken connection instead.
 */
export async function discardBody(incoming: IncomingMessage, max_ms = MAX_MS): Promise<void> {
  if (incoming.complete || incoming.destroyed) return
  // The reader has thrown: pieces that nobody takes would be kept.
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
