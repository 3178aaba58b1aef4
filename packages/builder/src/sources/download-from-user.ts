import { messageOf } from '@copr/process/errors'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { guardedFetch } from '@copr/process/guarded/guarded-fetch'
import { BuildFailure } from '../build-failure.ts'
import { download, type DownloadOptions, ResponseFailure, thrice } from './download.ts'

export interface UserDownload {
  /** Addresses that the URL and its redirects may point to. */
  rules: AddressRules
  connect_seconds?: number
  idle_seconds?: number
  max_bytes: number
  /** The digest that the downloaded bytes must have. */
  expect?: DownloadOptions['expect']
  write: (text: string) => void
  signal: AbortSignal
}

/** Downloads a user's URL to a file. If that fails, throws a BuildFailure, which never shows credentials. */
export async function downloadFromUser(
  url: string,
  path: string,
  {
    rules,
    connect_seconds = 30,
    idle_seconds = 60,
    max_bytes,
    expect,
    write,
    signal,
  }: UserDownload,
): Promise<void> {
  write(`Downloading ${withoutCredentials(url)}\n`)
  const open = async (from: string, limit: AbortSignal): Promise<Response> =>
    await guardedFetch(from, { rules, signal: limit, connect_seconds })
  const once = (): Promise<void> =>
    download(url, path, { max_bytes, open, idle_seconds, signal, ...(expect && { expect }) })
  try {
    await thrice(once, signal, (why) => write(`${why}; retrying\n`))
  } catch (error) {
    if (signal.aborted) throw error
    const reason = messageOf(error)
    if (error instanceof ResponseFailure)
      throw new ResponseFailure(withoutCredentials(reason), error.status)
    if (error instanceof BuildFailure)
      throw new BuildFailure(withoutCredentials(reason), {
        category: error.category ?? 'network',
        ...(error.hint && { hint: error.hint }),
      })
    // After three attempts, the URL rather than this machine's network counts as the cause.
    throw new BuildFailure(withoutCredentials(`${url} cannot be reached: ${reason}`), {
      category: 'network',
      hint: 'Correct the URL, or try again when its server works.',
    })
  }
}

/**
 * Reads the list of sources in a dist-git repository, downloads the listed files to {@link SOURCES}, and compares their digests; returns
 * the name of the list. The agent itself downloads the files, so nothing from the repository is executed.
 */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#'"<>]*@/gi, '$1***@')
}
