import type { PoolConfig } from '@copr/contract/pools/provider-options'
import type { MakeProvider, Provider, ProviderContext } from './provider.ts'

/** Kind of provider → how one is made. A kind that is missing is not offered where the program runs. */
export type Registry = { [Kind in PoolConfig['provider']]?: MakeProvider<Kind> }

export type ProviderMaker = (config: PoolConfig, context: ProviderContext) => Provider

/** Throws with a sentence for the administrator. */
export function providerMaker(registry: Registry): ProviderMaker {
  return (config, context) => {
    const make = registry[config.provider] as
      | ((config: PoolConfig, context: ProviderContext) => Provider)
      | undefined
    if (!make) throw new Error(`The provider ${config.provider} is not offered here`)
    return make(config, context)
  }
}
