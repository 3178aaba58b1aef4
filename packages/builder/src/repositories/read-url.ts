import { readFile } from 'node:fs/promises'
import { getCACertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { RepoConfig } from '@copr/contract/chroot-config'
import { ANY_ADDRESS, type AddressRules } from '@copr/process/guarded/address-rules'
import { type Certificates, guardedFetch } from '@copr/process/guarded/guarded-fetch'

const ANSWER_MS = 60_000

/** Paths of the TLS certificates and key that a repository requires, for example for a subscription. */
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

interface ReadOptions {
  max_bytes: number
  signal: AbortSignal
  tls?: ClientTls | undefined
  /** Restricts a user's URL. Without rules, the URL is an administrator's and may point anywhere, including to a file. */
  rules?: AddressRules | undefined
}

/** Reads a small file from an HTTP or HTTPS URL, or from a `file:` URL if the URL is trusted. */
export async function readUrl(url: string, options: ReadOptions): Promise<Buffer> {
  const { max_bytes, tls, rules } = options
  if (!rules && url.startsWith('file:'))
    return await readFile(fileURLToPath(url), { signal: options.signal })
  const response = await guardedFetch(url, {
    rules: rules ?? ANY_ADDRESS,
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(ANSWER_MS)]),
    max_bytes,
    tls: tls && (await readCertificates(tls)),
  })
  if (response.ok) return Buffer.from(await response.arrayBuffer())
  await response.body?.cancel()
  throw new Error(`the server responded with ${response.status} ${response.statusText}`)
}

async function readCertificates(tls: ClientTls): Promise<Certificates> {
  const read = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : await readFile(path, 'utf8')
  const { sslcacert, sslclientcert, sslclientkey } = tls
  const [ca, cert, key] = await Promise.all([sslcacert, sslclientcert, sslclientkey].map(read))
  return {
    ...(ca !== undefined && { ca: [...getCACertificates('default'), ca] }),
    ...(cert !== undefined && { cert, key: key ?? cert }),
  }
}
