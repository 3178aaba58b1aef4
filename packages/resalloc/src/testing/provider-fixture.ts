import type { Provider } from '../providers/provider.ts'

/** The reason why a fixture does not support something; it becomes the reason of a skipped test. */
export interface Cannot {
  readonly cannot: string
}

/** A cloud to test a provider with, and events that can happen to it from outside. */
export interface ProviderFixture extends AsyncDisposable {
  /** Makes a provider as in a new process: it knows only its configuration and this owner. Pools share one account. */
  provider(owner: { installation_id: string; pool: string }): Promise<Provider> | Provider
  /** Ends a machine from outside the provider. */
  endMachine(provider_id: string): Promise<void>
  /** Executes the next start, but loses its response. */
  loseNextStart: (() => void) | Cannot
  /** Breaks the next listing after some of its entries, if it is returned in parts. */
  breakNextListing: (() => void) | Cannot
  /** Makes every call hang until disposed. */
  hang: (() => Disposable) | Cannot
  /** Fails the next start with the cloud's own error for this failure class, if it has one. */
  failNextStart:
    | ((failure: 'no_capacity' | 'quota' | 'throttled' | 'permission') => Cannot | void)
    | Cannot
  /** Returns the owners of all existing resources, read from the cloud without the provider; undefined for resources without one. */
  owners(): Promise<({ installation_id: string; machine_id: number | undefined } | undefined)[]>
}
