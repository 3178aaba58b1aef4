import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { Readable } from 'node:stream'
import { rootCertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { RepoConfig } from '@copr/contract/chroot-config'

const ANSWER_MS = 60_000

/** Paths of certificates that one repository asks for, as those of a subscription do. */
export type ClientTls = Partial<Record<'sslcacert' | 'sslclientcert' | 'sslclientkey', string>>

export function clientTls(config: RepoConfig): ClientTls | undefined {
  const { sslcacert, sslclientcert, sslclientkey } = config
  const tls = {
    ...(sslcacert && { sslcacert }),
    ...(sslclientcert && { sslclientcert }),
    ...(sslclientkey && { sslclientkey }),
  }
  return Object.keys(tls).length > 0 ? tls : undefined
}

/** A small file by http, https or file. */
export async function readUrl(
  url: string,
  {
    max_bytes,
    signal,
    tls,
  }: { max_bytes: number; signal: AbortSignal; tls?: ClientTls | undefined },
): Promise<Buffer> {
  if (url.startsWith('file:')) return await readFile(fileURLToPath(url), { signal })
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])
  const body =
    tls && url.startsWith('https:')
      ? await openWithCertificates(url, tls, limited)
      : await open(url, limited)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > max_bytes) throw new Error(`${url} is longer than ${max_bytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function open(url: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`)
  return response.body ?? Readable.from([])
}

/** fetch() takes no client certificate. */
async function openWithCertificates(
  url: string,
  { sslcacert, sslclientcert, sslclientkey }: ClientTls,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const read = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : await readFile(path, 'utf8')
  const [ca, cert, key] = await Promise.all([sslcacert, sslclientcert, sslclientkey].map(read))
  const { promise, resolve, reject } = Promise.withResolvers<AsyncIterable<Uint8Array>>()
  request(
    url,
    {
      ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
      ...(cert !== undefined && { cert, key: key ?? cert }),
      signal,
    },
    (response) => {
      if (response.statusCode === 200) return resolve(response as AsyncIterable<Uint8Array>)
      response.resume()
      reject(new Error(`the server answered ${response.statusCode} ${response.statusMessage}`))
    },
  )
    .once('error', reject)
    .end()
  return await promise
}
