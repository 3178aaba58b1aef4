import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { KubeClient } from '../kube-client.ts'

const TYPE_A = 1
const SUFFIX = ['svc', 'cluster', 'local']
const [NO_ERROR, NO_SUCH_NAME] = [0, 3]

/**
 * Serves DNS at an address that pods query. It resolves `service.namespace.svc.cluster.local` for Services, and resolves the names in
 * `hosts` to that address. No other name exists.
 */
export async function startClusterDns(
  client: KubeClient,
  address: string,
  hosts: string[],
): Promise<AsyncDisposable> {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const { labels, type, end } = readQuestion(query)
    const known = hosts.includes(labels.join('.')) ? [address] : undefined
    void Promise.resolve(known ?? addressesOf(client, labels))
      // While the API server is unreachable, names do not resolve; clients retry.
      .catch(() => undefined)
      .then((addresses) => {
        const found = type === TYPE_A ? (addresses ?? []) : []
        const code = addresses ? NO_ERROR : NO_SUCH_NAME
        socket.send(answer(query.subarray(0, end), found, code), from.port, from.address)
      })
  })
  socket.bind(53, address)
  await once(socket, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

function readQuestion(query: Buffer): { labels: string[]; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('ascii', at + 1, at + 1 + length).toLowerCase())
    at += 1 + length
  }
  return { labels, type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** Resolves the name of a Service; undefined if the Service does not exist. */
async function addressesOf(client: KubeClient, labels: string[]): Promise<string[] | undefined> {
  if (labels.slice(-3).join('.') !== SUFFIX.join('.')) return undefined
  const [namespace, name, host] = labels.slice(0, -3).toReversed()
  if (namespace === undefined || name === undefined) return undefined
  const service = await client.find({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
  })
  if (!service) return undefined
  const { clusterIP } = service['spec'] as { clusterIP?: string }
  if (clusterIP !== 'None') return clusterIP && host === undefined ? [clusterIP] : undefined
  const query = `labelSelector=kubernetes.io/service-name=${name}`
  const slices = await client.list('discovery.k8s.io/v1', 'EndpointSlice', { namespace, query })
  const endpoints = slices.flatMap((slice) => slice['endpoints'] ?? []) as {
    addresses: string[]
    hostname?: string
    conditions?: { ready?: boolean }
  }[]
  const wanted = endpoints.filter(({ hostname, conditions }) =>
    host === undefined ? conditions?.ready !== false : hostname === host,
  )
  return wanted.flatMap(({ addresses }) => addresses)
}

function answer(question: Buffer, addresses: string[], code: number): Buffer {
  const header = Buffer.from(question)
  // The flags of an authoritative response without recursion.
  header.writeUInt16BE(0x8400 | (question.readUInt16BE(2) & 0x0100) | code, 2)
  header.writeUInt16BE(addresses.length, 6)
  header.writeUInt16BE(0, 8)
  header.writeUInt16BE(0, 10)
  const records = addresses.map((address) =>
    // A pointer to the name in the question, type A, class IN, a TTL of 5 s, and 4 bytes of data.
    Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 5, 0, 4, ...address.split('.').map(Number)]),
  )
  return Buffer.concat([header, ...records])
}
