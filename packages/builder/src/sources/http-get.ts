import type { LookupAddress } from 'node:dns'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'

const NO_BODY = new Set([204, 205, 304])

/**
 * One GET without redirects. With `addresses`, it connects to one of those and does not ask for the host's again:
 * the answer could be another one by now.
 */
export async function httpGet(
  url: URL,
  { addresses, signal }: { addresses?: LookupAddress[]; signal: AbortSignal },
): Promise<Response> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const headers = { 'user-agent': 'copr-builder', accept: '*/*' }
  const request = send(
    url,
    { signal, headers, agent: false, ...(addresses && { lookup: only(addresses) }) },
    resolve,
  )
  request.on('error', reject)
  request.end()
  const message = await promise
  const status = message.statusCode ?? 502
  const body = NO_BODY.has(status) ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>)
  const answered = Object.entries(message.headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as [string, string]] : [],
  )
  return new Response(body, { status, statusText: message.statusMessage ?? '', headers: answered })
}

function only(addresses: LookupAddress[]): LookupFunction {
  return (_host, options, callback) => {
    const [first] = addresses
    if (options.all) callback(null, addresses)
    else callback(null, first?.address ?? '', first?.family ?? 4)
  }
}
