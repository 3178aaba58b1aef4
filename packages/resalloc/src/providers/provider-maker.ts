import type { PoolConfig } from '@copr/contract/pools/provider-options'
import type { MakeProvider, Provider, ProviderContext } from './provider.ts'

/** Kind of provider → its factory. Kinds without an entry are not available in this program. */
export type Registry = { [Kind in PoolConfig['provider']]?: MakeProvider<Kind> }

export type ProviderMaker = (config: PoolConfig, context: ProviderContext) => Provider

/**
 * Returns a factory for all registered kinds. For an unregistered kind, it throws an error whose message is meant for the administrator.
 */
export function providerMaker(registry: Registry): ProviderMaker {
  return (config, context) => {
    const make = registry[config.provider] as
      | ((config: PoolConfig, context: ProviderContext) => Provider)
      | undefined
    if (!make) throw new Error(`The provider ${config.provider} is not available in this process`)
    return make(config, context)
  }
}
