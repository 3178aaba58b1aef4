import type { KubeClient, KubeObject } from '../kube-client.ts'

const CAPACITY = { cpu: '16', memory: '64Gi', 'ephemeral-storage': '200Gi', pods: '250' }
/** Interval at which leases are renewed. The node controller considers a node lost after 50 s without a renewal. */
const BEAT_MS = 10_000

export interface NodeOptions {
  capacity?: Record<string, string>
  labels?: Record<string, string>
}

/** Registers a node that is ready, together with its lease. */
export async function registerNode(
  client: KubeClient,
  name: string,
  { capacity = {}, labels = {} }: NodeOptions,
): Promise<void> {
  const node: KubeObject = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'node-role.kubernetes.io/worker': '',
        ...labels,
      },
    },
  }
  if (!(await client.find(node))) await client.create(node)
  const offers = { ...CAPACITY, ...capacity }
  const now = new Date().toISOString()
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: 'a node of the tests',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  }
  const nodeInfo = { architecture: 'amd64', operatingSystem: 'linux', kubeletVersion: 'v0.0.0' }
  const addresses = [{ type: 'InternalIP', address: '10.0.0.1' }]
  const status = { capacity: offers, allocatable: offers, conditions: [ready], addresses, nodeInfo }
  await client.patch(node, { status }, 'status')
  await renew(client, name)
}

/** Renews the leases of nodes until the returned object is disposed of. */
export function heartbeat(client: KubeClient, names: string[]): AsyncDisposable {
  let beating: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    // Errors are ignored: if the API server is unreachable now, a later renewal will succeed.
    beating = Promise.allSettled(names.map(async (name) => await renew(client, name)))
  }, BEAT_MS)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await beating
    },
  }
}

async function renew(client: KubeClient, name: string): Promise<void> {
  const lease: KubeObject = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: 40,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    },
  }
  await client.apply(lease, 'pretend-kubelet')
}
