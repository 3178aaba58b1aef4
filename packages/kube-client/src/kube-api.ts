import { CoprError } from '@copr/process/errors'
import type { IncomingMessage } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import { request as plainRequest } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { collectionPath, objectPath } from './kinds.ts'
import type { KubeObject, ObjectRef } from './kube-object.ts'

/** A request for which the caller sets no signal fails if no response arrives for this many milliseconds. */
const TIMEOUT_MS = 30_000
/** Maximum number of objects in one response to a list request. */
const PAGE_SIZE = 500

/** An error response of the API server: its HTTP status, and the message and reason of its Status object. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly code: number
  readonly reason: string
  /** Seconds after which the request should be retried, according to the server. */
  readonly retry_seconds: number | undefined

  constructor(message: string, code: number, reason: string, retry_seconds?: number) {
    super(message)
    this.code = code
    this.reason = reason
    this.retry_seconds = retry_seconds
  }
}

interface WriteOptions {
  /** Whether the server only reports the result, without persisting it. */
  dryRun?: boolean
}

interface ListOptions {
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
}

/** The cluster's API with the rights of one user. */
export interface KubeApi {
  /** The address of the API server. */
  readonly server: string
  /** Returns the same API, except that its requests end when `signal` is aborted, and not after 30 seconds without a response. */
  until(signal: AbortSignal): KubeApi
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<unknown>
  /** Sends a file unchanged; waits for the response without a timeout. */
  upload(path: string, file: { stream: Readable; bytes: number }): Promise<unknown>
  find(ref: ObjectRef): Promise<KubeObject | undefined>
  list(apiVersion: string, kind: string, options?: ListOptions): Promise<KubeObject[]>
  /** Yields the objects of a list while it is read page by page; throws if the list expires between two pages. */
  each(apiVersion: string, kind: string, options?: ListOptions): AsyncGenerator<KubeObject>
  /** Creates the object. If an object of that name exists, leaves it unchanged and returns undefined. */
  createMissing(object: KubeObject, options?: WriteOptions): Promise<KubeObject | undefined>
  /** Applies the object server-side and overrides conflicts: this client becomes the manager of the fields that it sets. */
  apply(object: KubeObject, options?: WriteOptions): Promise<KubeObject>
  /** Deletes an object; returns false if there is none. */
  remove(ref: ObjectRef): Promise<boolean>
}

interface Connection {
  server: string
  /** The name under which this client manages the fields that it sets, and which the server's audit log shows. */
  manager: string
  /** Returns the options with the credentials; called before each request, because tokens expire. */
  options: () => Promise<RequestOptions>
}

/** Creates a client of the API server. Error responses throw, except those that callers handle as results: not found, already exists. */
export function kubeApi(connection: Connection, signal?: AbortSignal): KubeApi {
  const { manager } = connection
  const ask = (method: string, path: string, body?: unknown, contentType?: string) =>
    send(connection, { method, path, body, contentType, signal })
  const object = async (...args: Parameters<typeof ask>): Promise<KubeObject> =>
    (await ask(...args)) as KubeObject
  const api: KubeApi = {
    server: connection.server,
    until: (other) => kubeApi(connection, other),
    request: ask,
    upload: async (path, file) =>
      await send(connection, {
        method: 'POST',
        path,
        body: undefined,
        contentType: 'application/octet-stream',
        signal,
        file,
      }),
    find: (ref) => unlessMissing(object('GET', objectPath(ref))),
    list: async (...of) => await Array.fromAsync(api.each(...of)),
    async *each(apiVersion, kind, { namespace, ...selectors } = {}) {
      const query = new URLSearchParams({ ...selectors, limit: String(PAGE_SIZE) })
      const path = collectionPath(apiVersion, kind, namespace)
      for (;;) {
        const { items, metadata } = (await ask('GET', `${path}?${query.toString()}`)) as Page
        // The items of a list have no apiVersion and kind.
        for (const item of items ?? []) yield { ...item, apiVersion, kind }
        if (!metadata?.continue) return
        query.set('continue', metadata.continue)
      }
    },
    async createMissing(made, options) {
      const { apiVersion, kind, metadata } = made
      const path = `${collectionPath(apiVersion, kind, metadata.namespace)}?${writeQuery(manager, options)}`
      try {
        return await object('POST', path, made)
      } catch (error) {
        if (error instanceof KubeError && error.reason === 'AlreadyExists') return undefined
        throw error
      }
    },
    async apply(wanted, options) {
      const path = `${objectPath(wanted)}?${writeQuery(manager, options)}&force=true`
      return await object('PATCH', path, wanted, 'application/apply-patch+yaml')
    },
    async remove(ref) {
      const options = { propagationPolicy: 'Background' }
      return (await unlessMissing(object('DELETE', objectPath(ref), options))) !== undefined
    },
  }
  return api
}

interface Page {
  items: KubeObject[] | null
  metadata?: { continue?: string }
}

function writeQuery(manager: string, { dryRun = false }: WriteOptions = {}): string {
  return `fieldManager=${manager}${dryRun ? '&dryRun=All' : ''}`
}

interface Ask {
  method: string
  path: string
  body: unknown
  contentType: string | undefined
  signal: AbortSignal | undefined
  file?: { stream: Readable; bytes: number }
}

async function send(connection: Connection, asked: Ask): Promise<unknown> {
  const { method, path, signal } = asked
  signal?.throwIfAborted()
  const options = await connection.options()
  const { response, answer } = await exchange(connection, options, asked).catch(
    (cause: unknown) => {
      signal?.throwIfAborted()
      throw new CoprError('unavailable', `Cannot reach the cluster at ${connection.server}`, {
        cause,
      })
    },
  )
  const { statusCode = 0, headers } = response
  if (statusCode < 300) return jsonOf(answer)
  const status = Status.safeParse(jsonOf(answer)).data
  const retry = Number(headers['retry-after'])
  throw new KubeError(
    status?.message ?? `${method} ${path}: ${answer.slice(0, 300)}`,
    statusCode,
    status?.reason ?? '',
    retry > 0 ? retry : undefined,
  )
}

/** Sends a request, and reads its whole response. */
async function exchange(
  { server, manager }: Connection,
  options: RequestOptions,
  { method, path, body, contentType, signal, file }: Ask,
): Promise<{ response: IncomingMessage; answer: string }> {
  const url = new URL(server)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const sent = body === undefined ? undefined : JSON.stringify(body)
  const bytes = file?.bytes ?? (sent === undefined ? undefined : Buffer.byteLength(sent))
  const open = url.protocol === 'http:' ? plainRequest : request
  const asked = open(
    `${url.origin}${url.pathname.replace(/\/$/, '')}${path}`,
    {
      ...options,
      method,
      ...(signal ? { signal } : { timeout: file ? 0 : TIMEOUT_MS }),
      headers: {
        ...(options.headers as Record<string, string> | undefined),
        'user-agent': manager,
        accept: 'application/json',
        ...(body === undefined && !file
          ? {}
          : { 'content-type': contentType ?? 'application/json' }),
        // Node sets this header itself only for some methods: without it, a DELETE would lose its body.
        ...(bytes === undefined ? {} : { 'content-length': bytes }),
      },
    },
    resolve,
  )
  asked.once('error', reject)
  asked.once('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
  // If the stream fails, the request is aborted, and then emits its own error.
  if (file) pipeline(file.stream, asked, () => undefined)
  else asked.end(sent)
  const response = await promise
  return { response, answer: await text(response) }
}

const Status = z.object({ message: z.string().optional(), reason: z.string().optional() })

function jsonOf(answer: string): unknown {
  try {
    return JSON.parse(answer)
  } catch {
    return answer
  }
}

/** Resolves to undefined if the object does not exist or the cluster does not have its kind. */
export async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof KubeError && error.code === 404) return undefined
    throw error
  }
}

/** Resolves to undefined for an object that does not exist or that this user may not read. */
export async function ifAllowed<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await unlessMissing(asked)
  } catch (error) {
    if (error instanceof KubeError && error.code === 403) return undefined
    throw error
  }
}
