import { createRequire } from 'node:module'
import type * as aws from './aws/aws-provider.ts'
import { commandProvider } from './command/command.ts'
import { kubernetesProvider } from './kubernetes/kubernetes.ts'
import { localProvider, type StartLocal } from './local/local.ts'
import type { MakeProvider } from './provider.ts'
import type { Registry } from './provider-maker.ts'

/** Loads the AWS SDK only when the first AWS pool is created, because the SDK takes 90 MB of memory. */
const load = createRequire(import.meta.url)

export interface ProvidersOptions {
  /** The folder in which pools that are implemented by scripts store their state. */
  state_dir: string
  /** The environment that scripts inherit. Variables that begin with `COPR_` are left out, because they may contain secrets. */
  env: NodeJS.ProcessEnv
  /** Starts a builder as a process on this host; undefined where this is not possible. */
  startLocal: StartLocal | undefined
}

/** Returns all available providers. */
export function allProviders({ state_dir, env, startLocal }: ProvidersOptions): Registry {
  return {
    aws: lazyAws(),
    command: commandProvider({ state_dir, env: inheritable(env) }),
    kubernetes: kubernetesProvider,
    ...(startLocal ? { local: localProvider(startLocal) } : {}),
  }
}

/** Creates the AWS provider factory once, so that all AWS pools share its cache of account data. */
function lazyAws(): MakeProvider<'aws'> {
  let made: MakeProvider<'aws'> | undefined
  return (config, context) => {
    made ??= (load('./aws/aws-provider.ts') as typeof aws).awsProviders()
    return made(config, context)
  }
}

function inheritable(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('COPR_'))
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']))
}
