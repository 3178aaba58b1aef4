import type { Provider } from '../providers/provider.ts'

/** Why a fixture cannot do something: the reason of a skipped test. */
export interface Cannot {
  readonly cannot: string
}

/** A cloud to test a provider in, and what can happen to it from outside. */
export interface ProviderFixture extends AsyncDisposable {
  /** A provider as a fresh process makes it: it knows nothing but its configuration and this. Pools share one account. */
  provider(owner: { installation_id: string; pool: string }): Promise<Provider> | Provider
  /** A machine ends without our doing. */
  endMachine(provider_id: string): Promise<void>
  /** The next start is done, but its answer never comes. */
  loseNextStart: (() => void) | Cannot
  /** The next listing breaks after something of it was given, if it comes in parts. */
  breakNextListing: (() => void) | Cannot
  /** Nothing answers any more until disposed. */
  hang: (() => Disposable) | Cannot
  /** The next start fails in the cloud's own words for this, where it has any. */
  failNextStart:
    | ((failure: 'no_capacity' | 'quota' | 'throttled' | 'permission') => Cannot | void)
    | Cannot
  /** The owners that the cloud itself shows for all that exists, looked up without the provider; undefined for what has none. */
  owners(): Promise<({ installation_id: string; machine_id: number | undefined } | undefined)[]>
}
