import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { createSecureContext, type SecureContext } from 'node:tls'
import { callbackify } from 'node:util'
import type { KubeClient, KubeObject } from '../kube-client.ts'

interface Rule {
  host: string
  http: { paths: { path: string; backend: Backend }[] }
}

interface Backend {
  service: { name: string; port: { number: number } }
}

interface Place {
  host: string
  port: number
}

/**
 * A minimal Ingress controller. It terminates TLS on port 443 of a local address for the hosts of all Ingresses, using the certificates
 * that the Ingresses name, and proxies requests to the pods behind their Services.
 */
export async function startIngress(client: KubeClient, address: string): Promise<AsyncDisposable> {
  const SNICallback = callbackify(async (host: string) => await contextFor(client, host))
  const server = createServer({ SNICallback }, (from, to) => {
    void placeFor(client, from).then(
      (place) => (place ? pass(from, to, place) : to.writeHead(503).end('No pod is ready\n')),
      (error: unknown) => to.writeHead(502).end(`${String(error)}\n`),
    )
  })
  // Uploads, and responses that follow a log, have no time limit.
  server.requestTimeout = 0
  server.listen(443, address)
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function ingressesOf(client: KubeClient, host: string): Promise<KubeObject[]> {
  const all = await client.list('networking.k8s.io/v1', 'Ingress')
  return all.filter(({ spec }) => (spec.rules as Rule[]).some((rule) => rule.host === host))
}

async function contextFor(client: KubeClient, host: string): Promise<SecureContext> {
  const [ingress] = await ingressesOf(client, host)
  const tls = (ingress?.['spec'].tls ?? []) as { hosts: string[]; secretName?: string }[]
  const name = tls.find(({ hosts }) => hosts.includes(host))?.secretName
  const namespace = ingress?.metadata.namespace
  if (name === undefined || namespace === undefined) throw new Error(`No certificate for ${host}`)
  const secret = await client.read({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
  })
  const pem = (key: string): Buffer => Buffer.from(secret['data'][key] as string, 'base64')
  return createSecureContext({ cert: pem('tls.crt'), key: pem('tls.key') })
}

/** Finds the Ingress backend with the longest matching path; returns one of its ready pods. */
async function placeFor(client: KubeClient, from: IncomingMessage): Promise<Place | undefined> {
  const host = from.headers.host ?? ''
  const path = new URL(from.url ?? '/', 'https://ingress').pathname
  const [ingress] = await ingressesOf(client, host)
  const paths = ((ingress?.['spec'].rules ?? []) as Rule[])
    .filter((rule) => rule.host === host)
    .flatMap((rule) => rule.http.paths)
    .filter((each) => `${path}/`.startsWith(each.path.replace(/\/*$/, '/')))
    .toSorted((a, b) => b.path.length - a.path.length)
  const backend = paths[0]?.backend
  const namespace = ingress?.metadata.namespace
  if (!backend || namespace === undefined) return undefined
  const { name, port } = backend.service
  const service = await client.read({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
  })
  const ports = service['spec'].ports as { name: string; port: number }[]
  const portName = ports.find((each) => each.port === port.number)?.name
  const query = `labelSelector=kubernetes.io/service-name=${name}`
  const slices = await client.list('discovery.k8s.io/v1', 'EndpointSlice', { namespace, query })
  for (const slice of slices) {
    const target = (slice['ports'] ?? []).find((each: { name: string }) => each.name === portName)
    const ready = (slice['endpoints'] ?? []).find((each: any) => each.conditions?.ready)
    if (target && ready) return { host: ready.addresses[0], port: target.port }
  }
  return undefined
}

function pass(from: IncomingMessage, to: ServerResponse, place: Place): void {
  const headers = {
    ...from.headers,
    'x-forwarded-for': from.socket.remoteAddress ?? '',
    'x-forwarded-host': from.headers.host ?? '',
    'x-forwarded-proto': 'https',
  }
  const onward = request({ ...place, method: from.method, path: from.url, headers }, (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(to)
  })
  onward.on('error', (error) => {
    if (to.headersSent) to.destroy(error)
    else to.writeHead(502).end(`${error.message}\n`)
  })
  to.on('close', () => onward.destroy())
  from.pipe(onward)
}
