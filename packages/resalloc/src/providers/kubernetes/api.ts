import {
  type ConfigurationOptions,
  CoreV1Api,
  KubeConfig,
  Observable,
  type ObservableMiddleware,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node'

export interface Api {
  readonly core: CoreV1Api
  readonly kubeconfig: KubeConfig
  /** The cluster's address. */
  readonly server: string
}

/** Opens the API of the kubeconfig's current cluster; without a path, of the cluster that this process runs in. */
export function openApi(path: string | undefined): Api {
  const kubeconfig = new KubeConfig()
  if (path === undefined) {
    // Otherwise each request would go to an invalid address.
    if (process.env['KUBERNETES_SERVICE_HOST'] === undefined)
      throw new Error('this process does not run in a cluster')
    kubeconfig.loadFromCluster()
  } else kubeconfig.loadFromFile(path)
  return {
    core: kubeconfig.makeApiClient(CoreV1Api),
    kubeconfig,
    server: kubeconfig.getCurrentCluster()?.server ?? 'unknown',
  }
}

/** Returns the options of a request that is aborted with the signal. */
export function ending(signal: AbortSignal): ConfigurationOptions<ObservableMiddleware> {
  signal.throwIfAborted()
  return {
    middleware: [
      {
        pre: (request) => {
          request.setSignal(signal)
          return new Observable(Promise.resolve(request))
        },
        post: (response) => new Observable(Promise.resolve(response)),
      },
    ],
    middlewareMergeStrategy: 'append',
  }
}

export function mergePatch(signal: AbortSignal): ConfigurationOptions<ObservableMiddleware> {
  return setHeaderOptions('Content-Type', PatchStrategy.MergePatch, ending(signal))
}
