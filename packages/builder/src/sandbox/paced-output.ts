import type { Readable } from 'node:stream'

/** Faster than the log of any build that people are meant to read: 8 MiB are about 50,000 lines. */
const BYTES_PER_SECOND = 8 * 1024 ** 2
const BURST_BYTES = 16 * 1024 ** 2

/**
 * Calls `take` with the chunks of a stream as they arrive. Makes the writer wait if it keeps writing faster than 8 MiB/s: otherwise, a
 * command that floods its log would take CPU time from other builds, because programs outside of its sandbox handle the log.
 */
export function takePaced(stream: Readable, take: (chunk: Buffer) => void): void {
  let budget = BURST_BYTES
  let before = performance.now()
  stream.on('data', (chunk: Buffer) => {
    take(chunk)
    const now = performance.now()
    const refilled = budget + ((now - before) / 1000) * BYTES_PER_SECOND
    before = now
    budget = Math.min(BURST_BYTES, refilled) - chunk.length
    if (budget >= 0) return
    stream.pause()
    setTimeout(() => stream.resume(), (-budget / BYTES_PER_SECOND) * 1000)
  })
}
