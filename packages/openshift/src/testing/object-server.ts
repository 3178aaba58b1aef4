import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type KubeApi, kubeApi } from '@copr/kube-client/kube-api'
import type { KubeObject } from '@copr/kube-client/kube-object'

export interface Answer {
  code: number
  body: unknown
}

export interface ObjectServer extends AsyncDisposable {
  api: KubeApi
  /** The objects as last sent, by path. */
  objects: Map<string, KubeObject>
}

/**
 * Starts a fake API server that stores objects as they are sent, without authorization. It replaces APIs that the test cluster does not
 * serve. If `special` returns a response to a request, that response is sent instead.
 */
export async function startObjectServer(
  groups: string[],
  special: (asked: IncomingMessage, body: Buffer, path: string) => Answer | undefined,
): Promise<ObjectServer> {
  const objects = new Map<string, KubeObject>()
  let version = 0
  const answerTo = (asked: IncomingMessage, body: Buffer): Answer => {
    const url = new URL(asked.url ?? '/', 'http://server')
    const path = url.pathname
    const known = objects.get(path)
    const given = special(asked, body, path)
    if (given) return given
    if (path === '/apis') return { code: 200, body: { groups: groups.map((name) => ({ name })) } }
    if (path.endsWith('/selfsubjectaccessreviews'))
      return { code: 201, body: { status: { allowed: true } } }
    if (asked.method === 'PATCH') {
      const sent = JSON.parse(body.toString()) as KubeObject
      const object = { ...sent, status: known?.['status'], metadata: { ...sent.metadata } }
      object.metadata.resourceVersion = String(++version)
      objects.set(path, object)
      return { code: 200, body: object }
    }
    if (asked.method === 'DELETE') return { code: objects.delete(path) ? 200 : 404, body: {} }
    if (url.searchParams.has('labelSelector')) {
      const [key = '', value] = (url.searchParams.get('labelSelector') ?? '').split('=')
      const below = [...objects].filter(([at]) => at.startsWith(`${path}/`))
      const items = below
        .map(([, each]) => each)
        .filter(({ metadata }) => metadata.labels?.[key] === value)
      return { code: 200, body: { items } }
    }
    return known ? { code: 200, body: known } : { code: 404, body: { message: 'not found' } }
  }
  const server = createServer((asked, to) => {
    void buffer(asked).then((body) => {
      const { code, body: said } = answerTo(asked, body)
      to.writeHead(code).end(typeof said === 'string' ? said : JSON.stringify(said))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const connection = {
    server: `http://127.0.0.1:${port}`,
    manager: 'coprctl',
    options: () => Promise.resolve({}),
  }
  return {
    api: kubeApi(connection),
    objects,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
