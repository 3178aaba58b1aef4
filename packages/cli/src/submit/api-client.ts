import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { ChainAnswer } from '@copr/contract/api/chains'
import { CoprError, messageOf } from '@copr/process/errors'
import type { ClientConfig } from './client-config.ts'

/** A client of the API that authenticates with a user's token. */
export interface ApiClient {
  /** Sends a request whose response is a chain, and returns the chain. */
  call(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<ChainAnswer>
  /** Sends a request and ignores its response. */
  send(method: 'POST', path: string, body: object): Promise<void>
  /** Submits a source package from a local file. */
  upload(path: string, fields: object): Promise<void>
}

/** One hour, because an upload may be a source package of several gigabytes. */
const UPLOAD_MS = 3_600_000
const REQUEST_MS = 60_000

export function apiClient({ copr_url, login, token }: ClientConfig): ApiClient {
  const authorization = `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`

  async function request(method: string, path: string, body?: object): Promise<unknown> {
    const isForm = body instanceof FormData
    const type = body && !isForm ? { 'content-type': 'application/json' } : {}
    const response = await fetch(`${copr_url}/api_3/${path}`, {
      method,
      headers: { authorization, ...type },
      signal: AbortSignal.timeout(isForm ? UPLOAD_MS : REQUEST_MS),
      ...(body && { body: isForm ? body : JSON.stringify(body) }),
    }).catch((error: unknown) => {
      const { cause } = error as Error
      const reason = messageOf(cause ?? error)
      throw new CoprError('unavailable', `Cannot reach ${copr_url}: ${reason}`, { cause: error })
    })
    const text = await response.text()
    if (response.ok) return JSON.parse(text)
    throw new CoprError('invalid', errorIn(text) ?? `${path} answered ${response.status}`)
  }

  return {
    call: async (method, path, body) => ChainAnswer.parse(await request(method, path, body)),
    send: async (method, path, body) => void (await request(method, path, body)),
    async upload(path, fields) {
      const form = new FormData()
      const json = JSON.stringify(fields)
      form.set('json', new Blob([json], { type: 'application/json' }), 'json')
      form.set('pkgs', await openAsBlob(path), basename(path))
      await request('POST', 'build/create/upload', form)
    },
  }
}

/** Returns the message in an error response; undefined if the response is not from the API, but for example from a proxy. */
function errorIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined
  }
}
