import { CoprError, messageOf } from '@copr/process/errors'
import { request, type RequestOptions } from 'node:https'
import { request as plainRequest } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { KubeObject, ObjectRef } from '../objects/kube-object.ts'
import { collectionPath, objectPath } from '../objects/kinds.ts'

/** The field manager that owns the fields that a deployment sets. */
const FIELD_MANAGER = 'coprctl'
const TIMEOUT_MS = 30_000

/** An error response of the API server: its HTTP status, and the message and reason of its Status object. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly code: number
  readonly reason: string

  constructor(message: string, code: number, reason: string) {
    super(message)
    this.code = code
    this.reason = reason
  }
}

interface ApplyOptions {
  /** Reports the result without persisting it. */
  dryRun?: boolean
}

interface ListOptions {
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
}

/** The cluster's API, as one user sees it. */
export interface KubeApi {
  /** The address of the API server. */
  readonly server: string
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<unknown>
  /** Sends a file unchanged, with no timeout for the response. */
  upload(path: string, file: { stream: Readable; bytes: number }): Promise<unknown>
  find(ref: ObjectRef): Promise<KubeObject | undefined>
  list(apiVersion: string, kind: string, options?: ListOptions): Promise<KubeObject[]>
  /** Creates the object unless one of that name exists; returns undefined, and leaves that one unchanged, if it does. */
  createMissing(object: KubeObject): Promise<KubeObject | undefined>
  /** Applies the object server-side and forces conflicts: `coprctl` becomes the manager of the fields that it sets. */
  apply(object: KubeObject, options?: ApplyOptions): Promise<KubeObject>
  /** Deletes an object; returns false if there is none. */
  remove(ref: ObjectRef): Promise<boolean>
}

interface Connection {
  server: string
  /** Returns the options with the credentials; called before each request, because tokens expire. */
  options: () => Promise<RequestOptions>
}

/** Finds the cluster as kubectl does: `KUBECONFIG`, `~/.kube/config`, or the account of a pod. */
export async function connect(kubeconfig?: string): Promise<KubeApi> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  } catch (error) {
    throw new CoprError('invalid', `Cannot read the kubeconfig: ${messageOf(error)}`)
  }
  const server = config.getCurrentCluster()?.server
  if (server === undefined || server === 'http://localhost:8080')
    throw new CoprError(
      'unauthenticated',
      'Cannot find a cluster: log in first, with oc login or by a kubeconfig (KUBECONFIG)',
    )
  const options = async (): Promise<RequestOptions> => {
    const asked: RequestOptions = {}
    await config.applyToHTTPSOptions(asked)
    return asked
  }
  return kubeApi({ server, options })
}

/** A client of the API server. Error responses throw, except those on which callers branch: not found, already exists. */
export function kubeApi(connection: Connection): KubeApi {
  const ask = (method: string, path: string, body?: unknown, contentType?: string) =>
    send(connection, { method, path, body, contentType })
  const object = async (...args: Parameters<typeof ask>): Promise<KubeObject> =>
    (await ask(...args)) as KubeObject
  return {
    server: connection.server,
    request: ask,
    upload: async (path, { stream, bytes }) =>
      await send(connection, {
        method: 'POST',
        path,
        body: undefined,
        contentType: 'application/octet-stream',
        file: { stream, bytes },
      }),
    find: (ref) => unlessMissing(object('GET', objectPath(ref))),
    async list(apiVersion, kind, { namespace, ...selectors } = {}) {
      const query = new URLSearchParams(Object.entries(selectors)).toString()
      const path = `${collectionPath(apiVersion, kind, namespace)}${query && `?${query}`}`
      const { items } = (await ask('GET', path)) as { items: KubeObject[] | null }
      // A list omits apiVersion and kind from its items.
      return (items ?? []).map((item) => ({ ...item, apiVersion, kind }))
    },
    async createMissing(made) {
      const { apiVersion, kind, metadata } = made
      const path = `${collectionPath(apiVersion, kind, metadata.namespace)}?fieldManager=${FIELD_MANAGER}`
      try {
        return await object('POST', path, made)
      } catch (error) {
        if (error instanceof KubeError && error.reason === 'AlreadyExists') return undefined
        throw error
      }
    },
    async apply(wanted, { dryRun = false } = {}) {
      const query = `fieldManager=${FIELD_MANAGER}&force=true${dryRun ? '&dryRun=All' : ''}`
      const path = `${objectPath(wanted)}?${query}`
      return await object('PATCH', path, wanted, 'application/apply-patch+yaml')
    },
    async remove(ref) {
      const options = { propagationPolicy: 'Background' }
      return (await unlessMissing(object('DELETE', objectPath(ref), options))) !== undefined
    },
  }
}

interface Ask {
  method: string
  path: string
  body: unknown
  contentType: string | undefined
  file?: { stream: Readable; bytes: number }
}

async function send(
  connection: Connection,
  { method, path, body, contentType, file }: Ask,
): Promise<unknown> {
  const url = new URL(connection.server)
  const options = await connection.options()
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; answer: string }>()
  const sent = body === undefined ? undefined : JSON.stringify(body)
  const bytes = file?.bytes ?? (sent === undefined ? undefined : Buffer.byteLength(sent))
  const open = url.protocol === 'http:' ? plainRequest : request
  const asked = open(
    `${url.origin}${url.pathname.replace(/\/$/, '')}${path}`,
    {
      ...options,
      method,
      timeout: file ? 0 : TIMEOUT_MS,
      headers: {
        ...(options.headers as Record<string, string> | undefined),
        accept: 'application/json',
        ...(body === undefined && !file
          ? {}
          : { 'content-type': contentType ?? 'application/json' }),
        // Node sets this header itself for some methods only: a DELETE would lose its body.
        ...(bytes === undefined ? {} : { 'content-length': bytes }),
      },
    },
    (response) => {
      text(response).then(
        (answer) => resolve({ code: response.statusCode ?? 0, answer }),
        (error: unknown) => reject(error),
      )
    },
  )
  asked.once('error', reject)
  asked.once('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
  // A failing stream aborts the request, which then emits its own error.
  if (file) pipeline(file.stream, asked, () => undefined)
  else asked.end(sent)
  const { code, answer } = await promise.catch((cause: unknown) => {
    throw new CoprError('unavailable', `Cannot reach the cluster at ${connection.server}`, {
      cause,
    })
  })
  if (code < 300) return jsonOf(answer)
  const status = Status.safeParse(jsonOf(answer)).data
  throw new KubeError(
    status?.message ?? `${method} ${path}: ${answer.slice(0, 300)}`,
    code,
    status?.reason ?? '',
  )
}

const Status = z.object({ message: z.string().optional(), reason: z.string().optional() })

function jsonOf(answer: string): unknown {
  try {
    return JSON.parse(answer)
  } catch {
    return answer
  }
}

/** Resolves to undefined for an object that does not exist, or whose kind the cluster does not have. */
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
