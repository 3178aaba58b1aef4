import type { Provider } from '../providers/provider.ts'

/** Why a fixture does not support something; the test is skipped with this reason. */
export interface Cannot {
  readonly cannot: string
}

/** A cloud for testing a provider, and outside events that can happen to it. */
export interface ProviderFixture extends AsyncDisposable {
  /** Makes a provider as if in a new process: it knows only its configuration and this owner. All pools share one account. */
  provider(owner: { installation_id: string; pool: string }): Promise<Provider> | Provider
  /** Ends a machine without using the provider. */
  endMachine(provider_id: string): Promise<void>
  /** Lets the next start succeed, but loses its response. */
  loseNextStart: (() => void) | Cannot
  /** Breaks the next listing after some of its entries, if listings are returned in pages. */
  breakNextListing: (() => void) | Cannot
  /** Makes every call hang until disposed. */
  hang: (() => Disposable) | Cannot
  /** Fails the next start with the cloud's own error for this failure class, if the cloud has such an error. */
  failNextStart:
    | ((failure: 'no_capacity' | 'quota' | 'throttled' | 'permission') => Cannot | void)
    | Cannot
  /** Returns the owners of all existing resources, read from the cloud without the provider; undefined for a resource that has no owner. */
  owners(): Promise<({ installation_id: string; machine_id: number | undefined } | undefined)[]>
}
