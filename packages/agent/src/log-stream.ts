import { closeSync, mkdtempSync, openSync, read, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Bell } from '@copr/process/every'

const readAt = promisify(read)

/** Pause between requests: short enough for watching a build live, long enough not to send one request per line. */
const PAUSE_MS = 250
const CHUNK_BYTES = 1024 * 1024

export interface LogStreamOptions {
  /** Sends the bytes of the log that begin at `offset`, retrying if necessary; returns the number of bytes that the gateway has. */
  put: (offset: number, bytes: Uint8Array<ArrayBuffer>) => Promise<number>
  signal: AbortSignal
}

/**
 * One growing log. Bytes that the gateway does not have yet wait in an unlinked file: an outage of the gateway uses disk space rather than
 * memory, and nothing is left behind when the agent is killed.
 */
export class LogStream implements AsyncDisposable {
  readonly #fd: number
  readonly #options: LogStreamOptions
  readonly #news = new Bell()
  readonly #hurry = new Bell()
  readonly #closing = new AbortController()
  readonly #sending: Promise<void>
  #written = 0
  #sent = 0
  #failure: { error: unknown } | undefined
  #waiters: { until: number; resolve: () => void; reject: (error: unknown) => void }[] = []

  constructor(options: LogStreamOptions) {
    this.#options = options
    const dir = mkdtempSync(join(tmpdir(), 'copr-log-'))
    this.#fd = openSync(join(dir, 'log'), 'wx+', 0o600)
    rmSync(dir, { recursive: true })
    this.#sending = this.#sendAll()
  }

  write(chunk: Uint8Array | string): void {
    if (this.#closing.signal.aborted) return
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    for (let done = 0; done < bytes.length;) {
      const count = writeSync(this.#fd, bytes, done, bytes.length - done, this.#written)
      done += count
      this.#written += count
    }
    this.#news.ring()
  }

  /** Resolves when the gateway has everything that was written so far; throws if sending has failed or was aborted. */
  async flush(): Promise<void> {
    if (this.#failure) throw this.#failure.error
    if (this.#sent >= this.#written) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiters.push({ until: this.#written, resolve, reject })
    this.#hurry.ring()
    await promise
  }

  async #sendAll(): Promise<void> {
    const stop = AbortSignal.any([this.#closing.signal, this.#options.signal])
    try {
      while (!stop.aborted) {
        if (this.#sent === this.#written) await this.#news.wait(60_000, stop)
        if (this.#sent < this.#written) await this.#sendChunk()
        const isBehind = this.#written - this.#sent >= CHUNK_BYTES || this.#waiters.length > 0
        if (!isBehind) await this.#hurry.wait(PAUSE_MS, stop)
      }
      throw stop.reason
    } catch (error) {
      this.#failure = { error }
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    }
  }

  async #sendChunk(): Promise<void> {
    const bytes = new Uint8Array(Math.min(CHUNK_BYTES, this.#written - this.#sent))
    await readAt(this.#fd, bytes, 0, bytes.length, this.#sent)
    this.#sent = await this.#options.put(this.#sent, bytes)
    if (this.#sent > this.#written)
      throw new Error(
        `Cannot continue the log: the gateway has ${this.#sent} bytes, only ${this.#written} were written`,
      )
    for (const waiter of this.#waiters) if (waiter.until <= this.#sent) waiter.resolve()
    this.#waiters = this.#waiters.filter((waiter) => waiter.until > this.#sent)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#sending
    closeSync(this.#fd)
  }
}
