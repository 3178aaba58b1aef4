import { open } from 'node:fs/promises'
import { CoprError } from '@copr/process/errors'

export type Body = globalThis.ReadableStream<Uint8Array> | null

export interface AppendOptions {
  offset: number
  /** Maximum size of the file in bytes. */
  max_size: number
  /** Called before bytes are written; throws when there are too many. */
  onBytes?: (count: number) => void
  /** Whether the bytes are flushed to disk before the call returns. */
  sync?: boolean
}

/** `at_offset` is false if nothing was written because the file's size was not the offset, or if a newer request took over. */
export interface Appended {
  at_offset: boolean
  size: number
}

/**
 * Allows one request per file at a time. A newer request aborts an older one, whose client must have given up, even if its connection does
 * not show it yet. The order of the calls to `run` decides which request is newer, so callers must not await anything before the call.
 */
export class NewestRequest {
  readonly #current = new Map<string, { stop: AbortController; ended: Promise<unknown> }>()

  async run<T>(file: string, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
    for (let older = this.#current.get(file); older; older = this.#current.get(file)) {
      older.stop.abort()
      await older.ended
    }
    const stop = new AbortController()
    const working = work(stop.signal)
    this.#current.set(file, { stop, ended: working.catch(() => undefined) })
    try {
      return await working
    } finally {
      this.#current.delete(file)
    }
  }
}

export async function appendToFile(
  path: string,
  body: Body,
  { offset, max_size, onBytes, sync = false }: AppendOptions,
  stop: AbortSignal,
): Promise<Appended> {
  await using file = await open(path, 'a', 0o644)
  let { size } = await file.stat()
  if (size !== offset) return { at_offset: false, size }
  for await (const chunk of chunksOf(body, stop)) {
    checkSize(size + chunk.length, max_size)
    onBytes?.(chunk.length)
    for (let done = 0; done < chunk.length;)
      done += (await file.write(chunk, done, chunk.length - done)).bytesWritten
    size += chunk.length
  }
  if (sync) await file.sync()
  return { at_offset: !stop.aborted, size }
}

export function checkSize(size: number, max_size: number): void {
  if (size > max_size) throw new CoprError('too_large', `Cannot accept more than ${max_size} bytes`)
}

/**
 * Yields the chunks of the body. If the client disconnects, ends without an error: the client later asks for the stored size, and resumes
 * from there.
 */
export async function* chunksOf(body: Body, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  if (!body) return
  const reader = body.getReader()
  const cancel = (): void => void reader.cancel().catch(() => undefined)
  stop.addEventListener('abort', cancel, { once: true })
  try {
    while (!stop.aborted) {
      const next = await reader.read().catch(() => undefined)
      if (!next || next.done || stop.aborted) return
      yield next.value
    }
  } finally {
    stop.removeEventListener('abort', cancel)
  }
}
