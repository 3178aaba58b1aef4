import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { ClusterAddress, Credential } from './kubeconfig.ts'

/** A Kubernetes object. Its fields are not typed: tests assert those that they read. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  // oxlint-disable-next-line typescript/no-explicit-any -- as many shapes as there are kinds
  [field: string]: any
}

interface ObjectMeta {
  name?: string
  generateName?: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: { kind: string; name: string; uid: string; controller?: boolean }[]
  finalizers?: string[]
  managedFields?: { manager: string; operation: string; subresource?: string }[]
}

/** Identifies an object: its kind, its name and, if it has one, its namespace. */
export interface ObjectRef {
  apiVersion: string
  kind: string
  metadata: { name?: string; namespace?: string }
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: KubeObject
}

/** An error response from the API server. */
export class KubeError extends Error {
  readonly code: number
  readonly reason: string | undefined

  constructor(message: string, code: number, reason: string | undefined) {
    super(message)
    this.code = code
    this.reason = reason
  }
}

export interface RequestOptions {
  body?: unknown
  contentType?: string
  signal?: AbortSignal
}

/** A client of the API server for one user, without caches or retries. */
export class KubeClient implements Disposable {
  readonly #address: ClusterAddress
  readonly #credential: Credential
  readonly #agent = new Agent({ keepAlive: true })
  readonly #plurals = new Map<string, Promise<Map<string, string>>>()

  constructor(address: ClusterAddress, credential: Credential) {
    this.#address = address
    this.#credential = credential
  }

  /** Sends any request; returns the parsed JSON or throws a KubeError. */
  async request<T = KubeObject>(
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<T> {
    const response = await this.#send(method, path, options)
    const answer = await text(response)
    const code = response.statusCode ?? 0
    if (code < 300) return JSON.parse(answer) as T
    throw toError(`${method} ${path}`, code, answer)
  }

  async read(ref: ObjectRef): Promise<KubeObject> {
    return await this.request('GET', await this.pathOf(ref))
  }

  /** Reads an object; returns undefined if it does not exist. */
  async find(ref: ObjectRef): Promise<KubeObject | undefined> {
    return await unlessMissing(this.read(ref))
  }

  async list(
    apiVersion: string,
    kind: string,
    options: { namespace?: string; query?: string } = {},
  ): Promise<KubeObject[]> {
    const path = await this.#collection(apiVersion, kind, options.namespace)
    const { items } = await this.request<{ items: KubeObject[] }>(
      'GET',
      `${path}${options.query ? `?${options.query}` : ''}`,
    )
    // The items of a list do not include apiVersion and kind.
    return items.map((item) => ({ ...item, apiVersion, kind }))
  }

  async create(object: KubeObject): Promise<KubeObject> {
    const { apiVersion, kind, metadata } = object
    const path = await this.#collection(apiVersion, kind, metadata.namespace)
    return await this.request('POST', path, { body: object })
  }

  /** Applies an object server-side; `fieldManager` becomes the owner of the fields that it contains. */
  async apply(object: KubeObject, fieldManager: string, subresource?: string): Promise<KubeObject> {
    const path = `${await this.pathOf(object, subresource)}?fieldManager=${fieldManager}&force=true`
    return await this.request('PATCH', path, {
      body: object,
      contentType: 'application/apply-patch+yaml',
    })
  }

  async patch(ref: ObjectRef, body: unknown, subresource?: string): Promise<KubeObject> {
    return await this.request('PATCH', await this.pathOf(ref, subresource), {
      body,
      contentType: 'application/merge-patch+json',
    })
  }

  /** Deletes an object if it exists. */
  async delete(ref: ObjectRef, options: Record<string, unknown> = {}): Promise<void> {
    await unlessMissing(this.request('DELETE', await this.pathOf(ref), { body: options }))
  }

  /** Watches all objects of a kind, beginning with those that exist already. Ends when the server ends the watch. */
  async *watch(
    apiVersion: string,
    kind: string,
    { signal, query = '' }: { signal: AbortSignal; query?: string },
  ): AsyncGenerator<WatchEvent> {
    const path = `${await this.#collection(apiVersion, kind)}?watch=true&${query}`
    const response = await this.#send('GET', path, { signal })
    if (response.statusCode !== 200)
      throw toError(`GET ${path}`, response.statusCode ?? 0, await text(response))
    let rest = ''
    try {
      for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = `${rest}${chunk}`.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line) as WatchEvent
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Returns the path of an object, using the API's discovery document. */
  async pathOf({ apiVersion, kind, metadata }: ObjectRef, subresource?: string): Promise<string> {
    const collection = await this.#collection(apiVersion, kind, metadata.namespace)
    return `${collection}/${metadata.name}${subresource ? `/${subresource}` : ''}`
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  async #collection(apiVersion: string, kind: string, namespace?: string): Promise<string> {
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const plural = await this.#pluralOf(base, kind)
    return `${base}/${namespace === undefined ? '' : `namespaces/${namespace}/`}${plural}`
  }

  async #pluralOf(base: string, kind: string): Promise<string> {
    const known = this.#plurals.get(base) ?? this.#discover(base)
    this.#plurals.set(base, known)
    const plural = await known.then((plurals) => plurals.get(kind)).catch(() => undefined)
    if (plural !== undefined) return plural
    // The kind may have been installed since the last discovery.
    this.#plurals.delete(base)
    const found = (await this.#discover(base)).get(kind)
    if (found === undefined) throw new KubeError(`${base} has no ${kind}`, 404, 'NotFound')
    return found
  }

  async #discover(base: string): Promise<Map<string, string>> {
    const { resources } = await this.request<{ resources: { name: string; kind: string }[] }>(
      'GET',
      base,
    )
    const own = resources.filter(({ name }) => !name.includes('/'))
    return new Map(own.map(({ kind, name }) => [kind, name]))
  }

  async #send(
    method: string,
    path: string,
    { body, contentType, signal }: RequestOptions,
  ): Promise<IncomingMessage> {
    const credential = this.#credential
    const payload = body === undefined ? undefined : JSON.stringify(body)
    return await new Promise((resolve, reject) => {
      const sent = request(
        `${this.#address.url}${path}`,
        {
          method,
          agent: this.#agent,
          ca: this.#address.ca,
          ...('token' in credential ? {} : credential),
          ...(signal ? { signal } : {}),
          headers: {
            // The signing keys and the health checks have other content types than JSON.
            accept: 'application/json, */*',
            ...('token' in credential ? { authorization: `Bearer ${credential.token}` } : {}),
            ...(payload === undefined
              ? {}
              : {
                  'content-type': contentType ?? 'application/json',
                  'content-length': Buffer.byteLength(payload),
                }),
          },
        },
        resolve,
      )
      sent.on('error', reject)
      sent.end(payload)
    })
  }
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof KubeError && error.code === 404) return undefined
    throw error
  }
}

function toError(what: string, code: number, answer: string): KubeError {
  let status: { message?: string; reason?: string } = {}
  try {
    status = JSON.parse(answer) as typeof status
  } catch {
    // The response is plain text.
  }
  return new KubeError(`${what}: ${code} ${status.message ?? answer}`, code, status.reason)
}
