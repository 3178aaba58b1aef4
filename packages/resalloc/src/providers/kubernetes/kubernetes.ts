import { connect, connectInCluster } from '@copr/kube-client/connect'
import { objectPath } from '@copr/kube-client/kinds'
import { type KubeApi, unlessMissing } from '@copr/kube-client/kube-api'
import type { KubeObject, ObjectRef } from '@copr/kube-client/kube-object'
import { messageOf } from '@copr/process/errors'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import type {
  MakeProvider,
  Offering,
  Provider,
  StartOrder,
  StartOutcome,
  StopOrder,
} from '../provider.ts'
import { diagnose } from './diagnose.ts'
import { failureOf } from './failures.ts'
import { isEnded, listedPod, listedSecret } from './listed.ts'
import { ANNOTATIONS, LABELS, labelValue, podName } from './naming.ts'
import { type Pod, podOf, secretOf } from './pod.ts'

type Config = PoolConfigOf<'kubernetes'>

/** The field manager and user agent name that this program sends to the API server. */
const MANAGER = 'copr-resalloc'

/**
 * Makes machines as pods in a dedicated namespace. Each pod has a secret of the same name that is created before the pod and kept until the
 * machine is forgotten. The secret carries the single-use token to the agent and records that a launch token was used.
 */
export const kubernetesProvider: MakeProvider<'kubernetes'> = (config, context): Provider => {
  // The kubeconfig is read on first use: if one pool's kubeconfig does not exist yet, the other pools can still be made.
  let opened: KubeApi | undefined
  const api = async (signal: AbortSignal): Promise<KubeApi> => {
    opened ??= await (config.kubeconfig === undefined
      ? connectInCluster(MANAGER)
      : connect(MANAGER, config.kubeconfig))
    return opened.until(signal)
  }
  const labelSelector = `${LABELS.installation}=${labelValue(context.installation_id)}`
  return {
    account: `kubernetes ${config.kubeconfig ?? 'in-cluster'} ${config.namespace}`,
    offerings: () => [offeringOf(config)],
    async start(order, signal) {
      let cluster: KubeApi
      try {
        cluster = await api(signal)
      } catch (error) {
        return { ok: false, failure: 'configuration', message: messageOf(error) }
      }
      try {
        return await startPod(cluster, config, order)
      } catch (error) {
        return failureOf(error)
      }
    },
    stop: async (order, signal) =>
      await stopPod(await api(signal), namespaceOf(order, config), order),
    async *list(signal) {
      const cluster = await api(signal)
      const query = { namespace: config.namespace, labelSelector }
      for await (const pod of cluster.each('v1', 'Pod', query)) yield listedPod(pod)
      for await (const secret of cluster.each('v1', 'Secret', query)) yield listedSecret(secret)
    },
    async remove(listed, signal) {
      const cluster = await api(signal)
      const where = { namespace: namespaceOf(listed, config), name: listed.provider_id }
      // Deleting the secret would also delete its pod, but deleting the pod directly takes effect at once.
      await cluster.remove(refOf('Pod', where))
      if (listed.kind === 'secret') await cluster.remove(refOf('Secret', where))
    },
    async diagnose(signal) {
      let cluster: KubeApi
      try {
        cluster = await api(signal)
      } catch (error) {
        const problem = `${messageOf(error)}; set kubeconfig in pools.yaml`
        return [{ subject: 'cluster', problem }]
      }
      return await diagnose(cluster, config, context)
    },
  }
}

function offeringOf({ memory, price_per_hour }: Config): Offering {
  const memory_mb = megabytes(memory)
  return { name: 'pod', price_per_hour, ...(memory_mb === undefined ? {} : { memory_mb }) }
}

const UNITS: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** Converts a Kubernetes quantity to MiB, rounded down; undefined if its suffix is not used for memory. */
export function megabytes(quantity: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kMGT]?i?)$/.exec(quantity) ?? []
  const factor = unit === undefined ? undefined : UNITS[unit]
  return factor === undefined ? undefined : Math.floor((Number(number) * factor) / 2 ** 20)
}

async function startPod(api: KubeApi, config: Config, order: StartOrder): Promise<StartOutcome> {
  const where = { namespace: config.namespace, name: podName(order) }
  const secret = await createOrFind(api, secretOf(config, order))
  const { annotations = {}, uid = '' } = secret.metadata
  if (annotations[ANNOTATIONS.stopped] !== undefined) return spent()
  const known = annotations[ANNOTATIONS.pod_uid]
  const pod: Pod | undefined = await (known === undefined
    ? createOrFind(api, podOf(config, order, uid))
    : api.find(refOf('Pod', where)))
  if (!pod) return spent()
  if (known === undefined) await annotate(api, where, { [ANNOTATIONS.pod_uid]: pod.metadata.uid })
  if (isEnded(pod.status) || pod.metadata.deletionTimestamp !== undefined) return spent()
  return { ok: true, provider_id: where.name, data: { namespace: where.namespace } }
}

function spent(): StartOutcome {
  return { ok: false, failure: 'token_spent', message: 'The pod of this launch has already ended' }
}

async function stopPod(api: KubeApi, namespace: string, order: StopOrder): Promise<void> {
  const where = { namespace, name: order.provider_id ?? podName(order) }
  // Marks the secret before deleting the pod: if a start whose response was lost is retried, the retry must not create the pod again.
  await unlessMissing(annotate(api, where, { [ANNOTATIONS.stopped]: 'true' }))
  await api.remove(refOf('Pod', where))
}

type Where = Required<ObjectRef['metadata']>

async function annotate(
  api: KubeApi,
  where: Where,
  annotations: Record<string, string | undefined>,
): Promise<void> {
  const patch = { metadata: { annotations } }
  const path = objectPath(refOf('Secret', where))
  await api.request('PATCH', path, patch, 'application/merge-patch+json')
}

function refOf(kind: 'Pod' | 'Secret', metadata: Where): ObjectRef {
  return { apiVersion: 'v1', kind, metadata }
}

function namespaceOf({ data }: { data: Record<string, unknown> }, config: Config): string {
  return typeof data['namespace'] === 'string' ? data['namespace'] : config.namespace
}

/** Creates an object, or reads it if it already exists. */
async function createOrFind(api: KubeApi, wanted: KubeObject): Promise<KubeObject> {
  const object = (await api.createMissing(wanted)) ?? (await api.find(wanted))
  if (object) return object
  throw new Error(`${wanted.kind} ${wanted.metadata.name} was deleted while it was being read`)
}
