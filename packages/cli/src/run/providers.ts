import { awsProviders } from '@copr/resalloc/providers/aws'
import { commandProvider } from '@copr/resalloc/providers/command'
import { kubernetesProvider } from '@copr/resalloc/providers/kubernetes'
import { localProvider, type StartLocal } from '@copr/resalloc/providers/local'
import type { Registry } from '@copr/resalloc/providers/registry'

export interface ProvidersOptions {
  /** Where pools of scripts keep their notes. */
  state_dir: string
  /** What scripts inherit, but for our own secrets. */
  env: NodeJS.ProcessEnv
  /** How builders are started as processes, where they can be. */
  startLocal: StartLocal | undefined
}

/** All kinds of providers. */
export function allProviders({ state_dir, env, startLocal }: ProvidersOptions): Registry {
  return {
    aws: awsProviders(),
    command: commandProvider({ state_dir, env: inheritable(env) }),
    kubernetes: kubernetesProvider,
    ...(startLocal ? { local: localProvider(startLocal) } : {}),
  }
}

function inheritable(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('COPR_'))
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']))
}
