import { isDeepStrictEqual } from 'node:util'
import { startControlLoop } from '../control-loop.ts'
import type { KubeClient, KubeObject } from '../kube-client.ts'
import {
  type SimulatedPodBehavior,
  type Observation,
  observe,
  observeMissing,
  defaultBehavior,
} from './simulated-pod-behavior.ts'
import { heartbeat, registerNode } from './node-object.ts'
import { referencesOf } from './references.ts'
import { type StorageOptions, startStorage } from './storage.ts'

export type { SimulatedPodBehavior } from './simulated-pod-behavior.ts'

export interface PretendNodesOptions extends StorageOptions {
  client: KubeClient
  /** The number of nodes; default: 1. */
  count?: number
  /** The capacity of each node; default: 16 CPUs, 64Gi, 250 pods. */
  capacity?: Record<string, string>
  labels?: Record<string, string>
  /**
   * Chooses a pod's behavior; called again after every change. If it returns undefined, the pod has the default behavior of
   * `defaultBehavior()`.
   */
  behavior?: (pod: KubeObject) => SimulatedPodBehavior | undefined
}

export interface PretendNodes extends AsyncDisposable {
  /** Changes the behavior of existing and future pods. */
  setBehavior(behavior: (pod: KubeObject) => SimulatedPodBehavior | undefined): void
}

/**
 * Starts nodes whose pods run nothing, but look like real ones in the API: they wait for the ConfigMaps, Secrets and volumes that they
 * refer to, get an address, become ready, exit, and disappear when deleted.
 *
 * ```ts
 * await using nodes = await startPretendNodes({ client: cluster.admin.client })
 * nodes.setBehavior((pod) => isKeygen(pod) ? { kind: 'image-denied', message: 'unauthorized' } : undefined)
 * ```
 */
export async function startPretendNodes(options: PretendNodesOptions): Promise<PretendNodes> {
  const { client, count = 1 } = options
  let behavior = options.behavior ?? (() => undefined)
  const names = Array.from({ length: count }, (_, index) => `pretend-${index + 1}`)
  for (const name of names) await registerNode(client, name, options)
  const storage = await startStorage(client, options)
  const kubelet = new PretendKubelet(
    client,
    new Set(names),
    (pod) => behavior(pod) ?? defaultBehavior(pod),
  )
  const loop = startControlLoop({
    client,
    kinds: [
      ['v1', 'Pod'],
      ['v1', 'ConfigMap'],
      ['v1', 'Secret'],
    ],
    step: async () => await kubelet.step(),
  })
  const beat = heartbeat(client, names)
  return {
    setBehavior(wanted) {
      behavior = wanted
      loop.lookAgain()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(
        [loop, storage, beat].map(async (each) => await each[Symbol.asyncDispose]()),
      )
    },
  }
}

class PretendKubelet {
  readonly #client: KubeClient
  readonly #nodes: Set<string>
  readonly #behaviorOf: (pod: KubeObject) => SimulatedPodBehavior
  readonly #addresses = new Map<string, string>()
  readonly #told = new Set<string>()

  constructor(
    client: KubeClient,
    nodes: Set<string>,
    behaviorOf: (pod: KubeObject) => SimulatedPodBehavior,
  ) {
    this.#client = client
    this.#nodes = nodes
    this.#behaviorOf = behaviorOf
  }

  /**
   * Sets the status of each pod on these nodes to what it should be now. Returns the milliseconds until the next status change that is due,
   * if any.
   */
  async step(): Promise<number | undefined> {
    const pods = await this.#client.list('v1', 'Pod')
    const mine = pods.filter((pod) => this.#nodes.has(pod['spec'].nodeName))
    const due = await Promise.all(mine.map(async (pod) => await this.#move(pod)))
    const times = due.filter((each) => each !== undefined)
    return times.length > 0 ? Math.min(...times) : undefined
  }

  async #move(pod: KubeObject): Promise<number | undefined> {
    if (pod.metadata.deletionTimestamp) {
      await this.#client.delete(pod, {
        gracePeriodSeconds: 0,
        preconditions: { uid: pod.metadata.uid },
      })
      return undefined
    }
    if (['Succeeded', 'Failed'].includes(pod['status'].phase)) return undefined
    if (pod['status'].startTime === undefined) {
      const status = { startTime: new Date().toISOString().replace(/\.\d+Z/, 'Z') }
      await this.#client.patch(pod, { status }, 'status')
      return 0
    }
    const { status, event, due_ms } = await this.#observation(pod)
    if (!includes(pod['status'], status)) await this.#client.patch(pod, { status }, 'status')
    if (event) await this.#tell(pod, event)
    return due_ms
  }

  async #observation(pod: KubeObject): Promise<Observation> {
    for (const reference of referencesOf(pod)) {
      const { kind, name } = reference
      const metadata = { name, namespace: pod.metadata.namespace ?? '' }
      const found = await this.#client.find({ apiVersion: 'v1', kind, metadata })
      if (!found) return observeMissing(pod, reference)
    }
    const age = Date.now() - Date.parse(pod['status'].startTime)
    return observe(pod, this.#behaviorOf(pod), age, this.#addressOf(pod.metadata.uid ?? ''))
  }

  #addressOf(uid: string): string {
    const number = this.#addresses.size + 2
    const address = this.#addresses.get(uid) ?? `10.128.${number >> 8}.${number & 255}`
    this.#addresses.set(uid, address)
    return address
  }

  /** Records an event, but only once per pod. */
  async #tell(pod: KubeObject, event: NonNullable<Observation['event']>): Promise<void> {
    const { uid = '', name = '', namespace = '' } = pod.metadata
    const key = `${uid} ${event.message}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    const now = new Date().toISOString()
    await this.#client.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { generateName: `${name}.`, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
      source: { component: 'kubelet' },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      ...event,
    })
  }
}

/** Whether the server's object already has all wanted fields; it may have others, such as defaults. */
function includes(has: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return (
      ((Array.isArray(has) && wanted.length === has.length) ||
        (has === undefined && wanted.length === 0)) &&
      wanted.every((each, index) => includes((has as unknown[])[index], each))
    )
  if (typeof wanted !== 'object' || wanted === null) return isDeepStrictEqual(has, wanted)
  return Object.entries(wanted).every(([key, value]) =>
    includes((has as Record<string, unknown> | undefined)?.[key], value),
  )
}
