import type { PoolConfig } from '@copr/contract/pools/provider-options'
import type { MakeProvider, Provider, ProviderContext } from './provider.ts'

/** Kind of provider → its factory. A kind that is missing is not available in this program. */
export type Registry = { [Kind in PoolConfig['provider']]?: MakeProvider<Kind> }

export type ProviderMaker = (config: PoolConfig, context: ProviderContext) => Provider

/** Returns a factory for all registered kinds; it throws a sentence for the administrator if a kind is not registered. */
export function providerMaker(registry: Registry): ProviderMaker {
  return (config, context) => {
    const make = registry[config.provider] as
      | ((config: PoolConfig, context: ProviderContext) => Provider)
      | undefined
    if (!make) throw new Error(`The provider ${config.provider} is not available in this process`)
    return make(config, context)
  }
}
