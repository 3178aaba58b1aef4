import type { KubeConfig } from '@kubernetes/client-node'
import type { RequestOptions } from 'node:https'
import { CoprError, messageOf } from '@copr/process/errors'
import { type KubeApi, kubeApi } from './kube-api.ts'

/**
 * Connects to the cluster that kubectl would use. The configuration is the given file or, by default, the first of these that exists: the
 * files that `KUBECONFIG` names, `~/.kube/config`, and the pod's service account.
 */
export async function connect(manager: string, kubeconfig?: string): Promise<KubeApi> {
  const config = await emptyConfig()
  try {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  } catch (error) {
    throw new CoprError('invalid', `Cannot read the kubeconfig: ${messageOf(error)}`)
  }
  return apiOf(config, manager)
}

/** Connects to the cluster in which this process runs, and ignores any kubeconfig of its user. */
export async function connectInCluster(manager: string): Promise<KubeApi> {
  // Without this check, each request would go to an invalid address.
  if (process.env['KUBERNETES_SERVICE_HOST'] === undefined)
    throw new CoprError(
      'unavailable',
      'Cannot find the cluster: this process does not run in a cluster',
    )
  const config = await emptyConfig()
  config.loadFromCluster()
  return apiOf(config, manager)
}

/** Loads the library only for the first connection, because that takes 60 MB of memory and 0.5 s. */
async function emptyConfig(): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  return new KubeConfig()
}

function apiOf(config: KubeConfig, manager: string): KubeApi {
  const cluster = config.getCurrentCluster()
  if (!cluster || cluster.server === 'http://localhost:8080')
    throw new CoprError(
      'unauthenticated',
      'Cannot find a cluster: log in first, with oc login or by a kubeconfig (KUBECONFIG)',
    )
  const options = async (): Promise<RequestOptions> => {
    const asked: RequestOptions = {}
    await config.applyToHTTPSOptions(asked)
    // Without this, the library would reuse an agent with the certificates of the first request, but certificates are rotated while a pod
    // runs.
    if (cluster.proxyUrl === undefined) asked.agent = false
    return asked
  }
  return kubeApi({ server: cluster.server, manager, options })
}
