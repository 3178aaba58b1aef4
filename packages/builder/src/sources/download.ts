import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@copr/process/errors'
import { UrlError } from '@copr/process/guarded/guarded-lookup'
import { BuildFailure } from '../build-failure.ts'

/** A failure because the server responded with an error status. */
export class ResponseFailure extends BuildFailure {
  readonly status: number

  constructor(message: string, status: number) {
    super(message, {
      category: 'network',
      hint: 'Correct the URL, or try again when its server works.',
    })
    this.status = status
  }
}

export interface DownloadOptions {
  max_bytes: number
  /** Requests the URL. The function also follows redirects, as far as the caller of {@link download} allows them. */
  open: (url: string, signal: AbortSignal) => Promise<Response>
  /** The digest that the downloaded bytes must have. */
  expect?: { algorithm: string; hex: string }
  /** Idle timeout: the download fails if no data arrives for this long. */
  idle_seconds: number
  signal: AbortSignal
}

/** Downloads a URL to a file. Throws a {@link BuildFailure} if the URL is at fault, but not if the connection breaks. */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  const idle = new AbortController()
  const timer = setTimeout(() => idle.abort(), options.idle_seconds * 1000)
  const signal = AbortSignal.any([options.signal, idle.signal])
  try {
    const response = await options.open(url, signal)
    if (!response.ok)
      throw new ResponseFailure(
        `The server responded with ${response.status} ${response.statusText} for ${url}`,
        response.status,
      )
    await store(url, response, path, { ...options, signal, onChunk: () => timer.refresh() })
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof UrlError) throw new BuildFailure(error.message, { category: 'network' })
    if (idle.signal.aborted)
      throw new BuildFailure(`no data from ${url} for ${options.idle_seconds} seconds`, {
        category: 'network',
        hint: 'Try again when the server works.',
      })
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function store(
  url: string,
  response: Response,
  path: string,
  { max_bytes, expect, signal, onChunk }: DownloadOptions & { onChunk: () => void },
): Promise<void> {
  const tooLong = new BuildFailure(`${url} is larger than the limit of ${max_bytes} bytes`, {
    category: 'resources',
  })
  if (Number(response.headers.get('content-length') ?? 0) > max_bytes) {
    await response.body?.cancel()
    throw tooLong
  }
  const file = createWriteStream(path, { flags: 'w', mode: 0o644 })
  file.on('error', () => undefined) // reported by finished() below
  const hash = expect && createHash(expect.algorithm)
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
      onChunk()
      signal.throwIfAborted()
      size += chunk.length
      if (size > max_bytes) throw tooLong
      hash?.update(chunk)
      if (!file.write(chunk)) await once(file, 'drain')
    }
  } catch (error) {
    if (error instanceof BuildFailure || signal.aborted) throw error
    throw new Error(`the transfer was interrupted after ${size} bytes`, { cause: error })
  } finally {
    file.end()
    await finished(file)
  }
  const got = hash?.digest('hex')
  if (got !== expect?.hex)
    throw new BuildFailure(
      `${url} has the wrong content: expected ${expect?.algorithm} ${expect?.hex}, received ${got}`,
      { category: 'verification' },
    )
}

/** Runs a step, with up to three attempts; a BuildFailure is not retried. */
export async function thrice<T>(
  step: () => Promise<T>,
  signal: AbortSignal,
  onRetry: (why: string) => void,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await step()
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof BuildFailure || tries === 3) throw error
      onRetry(messageOf(error))
      await sleep(1000 * tries, undefined, { signal })
    }
  }
}
