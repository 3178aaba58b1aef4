import { open } from 'node:fs/promises'
import { addAbortSignal, Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { CoprError } from '@copr/process/errors'

export type Body = globalThis.ReadableStream<Uint8Array> | null

export interface AppendOptions {
  offset: number
  /** The file may not grow beyond this. */
  max_size: number
  /** Called before bytes are written; throws when there are too many. */
  onBytes?: (count: number) => void
  /** On the disk, not only in the system's memory, when it is done. */
  sync?: boolean
}

/** `at_offset` is false when the file's size is not the offset: nothing was written then, or a newer request took over. */
export interface Appended {
  at_offset: boolean
  size: number
}

/**
 * Appends to files, one request a file at a time. A newer request ends an older one: its client has given it up,
 * though the connection may not yet know.
 */
export class Appender {
  readonly #current = new Map<string, { stop: AbortController; ended: Promise<unknown> }>()

  async append(path: string, body: Body, options: AppendOptions): Promise<Appended> {
    for (let older = this.#current.get(path); older; older = this.#current.get(path)) {
      older.stop.abort()
      await older.ended
    }
    const stop = new AbortController()
    const writing = write(path, body, options, stop.signal)
    this.#current.set(path, { stop, ended: writing.catch(() => undefined) })
    try {
      return await writing
    } finally {
      this.#current.delete(path)
    }
  }
}

async function write(
  path: string,
  body: Body,
  { offset, max_size, onBytes, sync = false }: AppendOptions,
  stop: AbortSignal,
): Promise<Appended> {
  await using file = await open(path, 'a', 0o644)
  let { size } = await file.stat()
  if (size !== offset) return { at_offset: false, size }
  for await (const chunk of chunksOf(body, stop)) {
    if (stop.aborted) break
    if (size + chunk.length > max_size)
      throw new CoprError('too_large', `Cannot take more than ${max_size} bytes`)
    onBytes?.(chunk.length)
    for (let done = 0; done < chunk.length;)
      done += (await file.write(chunk, done, chunk.length - done)).bytesWritten
    size += chunk.length
  }
  if (sync) await file.sync()
  return { at_offset: !stop.aborted, size }
}

/** What came before the client went away counts: it asks how much we have and goes on from there. */
async function* chunksOf(body: Body, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  if (!body) return
  const stream = Readable.fromWeb(body as ReadableStream<Uint8Array>)
  addAbortSignal(stop, stream)
  const chunks = stream[Symbol.asyncIterator]()
  while (true) {
    const next = await chunks.next().catch(() => undefined)
    if (!next || next.done === true) return
    yield next.value as Uint8Array
  }
}
