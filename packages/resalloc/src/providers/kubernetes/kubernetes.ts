import type { V1Pod, V1Secret } from '@kubernetes/client-node'
import { messageOf } from '@copr/process/errors'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import type {
  Listed,
  MakeProvider,
  Offering,
  Provider,
  StartOrder,
  StartOutcome,
  StopOrder,
} from '../provider.ts'
import { type Api, ending, mergePatch, openApi } from './api.ts'
import { diagnose } from './diagnose.ts'
import { failureOf, isStatus } from './failures.ts'
import { isEnded, listedPod, listedSecret } from './listed.ts'
import { ANNOTATIONS, LABELS, labelValue, podName } from './naming.ts'
import { podOf, secretOf } from './pod.ts'

type Config = PoolConfigOf<'kubernetes'>

const PAGE_SIZE = 500

/**
 * Makes machines as pods in a dedicated namespace. Each pod has a secret of the same name, created before it and kept until its
 * machine is forgotten: it carries the single-use token to the agent and records that a launch token was used.
 */
export const kubernetesProvider: MakeProvider<'kubernetes'> = (config, context): Provider => {
  // Read on first use: a pool whose kubeconfig does not exist yet must not keep other pools from being made.
  let opened: Api | undefined
  const api = (): Api => (opened ??= openApi(config.kubeconfig))
  const labelSelector = `${LABELS.installation}=${labelValue(context.installation_id)}`
  return {
    account: `kubernetes ${config.kubeconfig ?? 'in-cluster'} ${config.namespace}`,
    offerings: () => [offeringOf(config)],
    async start(order, signal) {
      try {
        api()
      } catch (error) {
        return { ok: false, failure: 'configuration', message: messageOf(error) }
      }
      try {
        return await startPod(api(), config, order, signal)
      } catch (error) {
        return failureOf(error)
      }
    },
    stop: async (order, signal) => await stopPod(api(), namespaceOf(order, config), order, signal),
    async *list(signal) {
      const { core } = api()
      const query = { namespace: config.namespace, labelSelector, limit: PAGE_SIZE }
      yield* pages(async (page) => {
        const list = await core.listNamespacedPod({ ...query, ...page }, ending(signal))
        return { items: list.items.map(listedPod), next: list.metadata?._continue }
      })
      yield* pages(async (page) => {
        const list = await core.listNamespacedSecret({ ...query, ...page }, ending(signal))
        return { items: list.items.map(listedSecret), next: list.metadata?._continue }
      })
    },
    async remove(listed, signal) {
      const where = { namespace: namespaceOf(listed, config), name: listed.provider_id }
      const { core } = api()
      // Deleting the secret also deletes its pod, but deleting the pod itself takes effect at once.
      await unlessGone(core.deleteNamespacedPod(where, ending(signal)))
      if (listed.kind === 'secret')
        await unlessGone(core.deleteNamespacedSecret(where, ending(signal)))
    },
    async diagnose(signal) {
      try {
        api()
      } catch (error) {
        const problem = `Cannot find the cluster: ${messageOf(error)}; set kubeconfig in pools.yaml`
        return [{ subject: 'cluster', problem }]
      }
      return await diagnose(api(), config, context, signal)
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

/** Converts a Kubernetes quantity to MiB, rounded down; undefined if its suffix is not one used for memory. */
export function megabytes(quantity: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kMGT]?i?)$/.exec(quantity) ?? []
  const factor = unit === undefined ? undefined : UNITS[unit]
  return factor === undefined ? undefined : Math.floor((Number(number) * factor) / 2 ** 20)
}

async function startPod(
  api: Api,
  config: Config,
  order: StartOrder,
  signal: AbortSignal,
): Promise<StartOutcome> {
  const { core } = api
  const where = { namespace: config.namespace, name: podName(order) }
  const secret = await createOrRead<V1Secret>(
    () =>
      core.createNamespacedSecret(
        { namespace: where.namespace, body: secretOf(config, order) },
        ending(signal),
      ),
    () => core.readNamespacedSecret(where, ending(signal)),
  )
  const { annotations = {}, uid = '' } = secret.metadata ?? {}
  if (annotations[ANNOTATIONS.stopped] !== undefined) return spent()
  const known = annotations[ANNOTATIONS.pod_uid]
  const read = async (): Promise<V1Pod> => await core.readNamespacedPod(where, ending(signal))
  const pod = await (known === undefined
    ? createOrRead<V1Pod>(
        () =>
          core.createNamespacedPod(
            { namespace: where.namespace, body: podOf(config, order, uid) },
            ending(signal),
          ),
        read,
      )
    : unlessGone(read()))
  if (!pod) return spent()
  if (known === undefined)
    await annotate(api, where, { [ANNOTATIONS.pod_uid]: pod.metadata?.uid }, signal)
  if (isEnded(pod.status) || pod.metadata?.deletionTimestamp !== undefined) return spent()
  return { ok: true, provider_id: where.name, data: { namespace: where.namespace } }
}

function spent(): StartOutcome {
  return { ok: false, failure: 'token_spent', message: 'The pod of this launch has already ended' }
}

async function stopPod(
  api: Api,
  namespace: string,
  order: StopOrder,
  signal: AbortSignal,
): Promise<void> {
  const where = { namespace, name: order.provider_id ?? podName(order) }
  // Comes first, so that a retry of a start whose response was lost creates nothing any more.
  await unlessGone(annotate(api, where, { [ANNOTATIONS.stopped]: 'true' }, signal))
  await unlessGone(api.core.deleteNamespacedPod(where, ending(signal)))
}

async function annotate(
  { core }: Api,
  where: { namespace: string; name: string },
  annotations: Record<string, string | undefined>,
  signal: AbortSignal,
): Promise<void> {
  await core.patchNamespacedSecret(
    { ...where, body: { metadata: { annotations } } },
    mergePatch(signal),
  )
}

function namespaceOf({ data }: { data: Record<string, unknown> }, config: Config): string {
  return typeof data['namespace'] === 'string' ? data['namespace'] : config.namespace
}

/** Creates an object, or reads it if it already exists. */
async function createOrRead<T>(create: () => Promise<T>, read: () => Promise<T>): Promise<T> {
  try {
    return await create()
  } catch (error) {
    if (!isStatus(error, 409)) throw error
    return await read()
  }
}

async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw error
  }
}

/** Yields a listing page by page; throws if it expires in between. */
async function* pages(
  ask: (page: { _continue?: string }) => Promise<{ items: Listed[]; next: string | undefined }>,
): AsyncGenerator<Listed> {
  let next: string | undefined
  do {
    const page = await ask(next ? { _continue: next } : {})
    yield* page.items
    next = page.next
  } while (next)
}
