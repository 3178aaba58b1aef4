import { CoprError } from '@copr/process/errors'
import type { KubeApi } from '@copr/kube-client/kube-api'
import type { KubeObject, ObjectRef } from '@copr/kube-client/kube-object'
import { drainJob } from '../render/render.ts'
import { applyAll, holdsData } from './apply.ts'
import { type DeployOptions, plannedObjects, requireCluster, requireState } from './deployment.ts'
import { type State, stateRef } from './state.ts'
import { acquireDeployLock } from './deploy-lock.ts'
import { waitUntilReady } from './wait.ts'

export interface UndeployOptions extends Pick<
  DeployOptions,
  'read' | 'stop' | 'timeout_ms' | 'progress'
> {
  /** Whether volumes, databases and keys are deleted, too. */
  delete_data: boolean
  /**
   * Whether to remove the deployment without waiting until cloud machines are terminated. Machines that are left continue to cost money.
   */
  abandon_machines: boolean
  poll_ms?: number
}

const GENERATED = 'copr/generated=true'

/** Removes a deployment; terminates cloud machines first, while resalloc still runs. */
export async function undeploy(api: KubeApi, options: UndeployOptions): Promise<void> {
  const { read, progress, timeout_ms, poll_ms = 1000, stop } = options
  const namespace = read.vars.name
  requireCluster(api, read)
  await requireState(api, namespace)
  const tell = progress.blocked.bind(progress)
  await using lock = await acquireDeployLock(api, {
    namespace,
    timeout_ms,
    poll_ms,
    stop,
    tell,
    verb: 'undeploy',
  })
  try {
    await undeployAlone(api, { ...options, stop: lock.stop })
  } finally {
    lock.require()
  }
}

async function undeployAlone(api: KubeApi, options: UndeployOptions): Promise<void> {
  const { read, delete_data, progress } = options
  const namespace = read.vars.name
  // The state is read again under the lock, because the previous holder may have changed it.
  const state = await requireState(api, namespace)
  const images = (): State['images'] => state.images
  const { objects, facts } = await plannedObjects(api, { read, images }, state)
  if (!options.abandon_machines) await drain(api, options, objects, drainJob(read.vars, facts))
  for (const ref of state.inventory
    .toReversed()
    .filter((each) => delete_data || !holdsData(each))) {
    if (ref.kind === 'Namespace' && !delete_data) continue
    options.stop.throwIfAborted()
    if (await api.remove(ref)) progress.applied(ref, 'removed')
  }
  if (delete_data) await removeGenerated(api, namespace, progress)
  await api.remove(stateRef(namespace))
}

/** Empties the pools: resalloc terminates all machines, and a Job waits until the database lists none. */
async function drain(
  api: KubeApi,
  { read, timeout_ms, poll_ms = 1000, stop, progress }: UndeployOptions,
  objects: KubeObject[],
  job: KubeObject,
): Promise<void> {
  const namespace = read.vars.name
  const pools = objects.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'pools',
  )
  if (!pools) return
  await applyAll(api, [{ ...pools, data: { 'pools.yaml': '{}\n' } }, job], {
    namespace,
    tell: (ref, change) => progress.applied(ref, change),
    stop,
  })
  try {
    const tell = progress.waiting.bind(progress)
    await waitUntilReady(api, [job], { namespace, timeout_ms, poll_ms, tell, stop })
  } catch (error) {
    throw new CoprError(
      'conflict',
      `Cannot undeploy: machines in clouds are still running, and nothing was removed\n    try: kubectl -n ${namespace} logs deployment/resalloc, and coprctl undeploy again; or remove them by hand, and coprctl undeploy --abandon-machines`,
      { cause: error },
    )
  } finally {
    await api.remove(job)
  }
}

async function removeGenerated(
  api: KubeApi,
  namespace: string,
  progress: DeployOptions['progress'],
): Promise<void> {
  const options = { namespace, labelSelector: GENERATED }
  for (const secret of await api.list('v1', 'Secret', options)) {
    await api.remove(secret)
    progress.applied(secret, 'removed')
  }
  const authority: ObjectRef = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'internal-ca', namespace },
  }
  if (await api.remove(authority)) progress.applied(authority, 'removed')
}
