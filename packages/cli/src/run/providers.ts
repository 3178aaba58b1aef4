import { kubernetesProvider } from '@copr/resalloc/providers/kubernetes'
import { localProvider, type StartLocal } from '@copr/resalloc/providers/local'
import type { Registry } from '@copr/resalloc/providers/registry'

/** All kinds of providers; `local` only where builders can be started as processes. */
export function allProviders(startLocal: StartLocal | undefined): Registry {
  return {
    kubernetes: kubernetesProvider,
    ...(startLocal ? { local: localProvider(startLocal) } : {}),
  }
}
