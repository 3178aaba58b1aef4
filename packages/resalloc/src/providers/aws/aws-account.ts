import type { Listed } from '../provider.ts'
import { type AccountKey, ec2Api, type Ec2Api } from './ec2-api.ts'
import { listOwned } from './listing.ts'
import { shareNext } from './shared-call.ts'
import { terminator } from './terminate.ts'

/** The rate limits, listings and terminations of an AWS account. All pools with the same credentials and region share them. */
export interface AwsAccount {
  readonly name: string
  readonly api: Ec2Api
  terminate(ids: readonly string[], signal: AbortSignal): Promise<void>
  list(installation_id: string, signal: AbortSignal): Promise<readonly Listed[]>
}

/** Returns a function that makes each account once and caches it. */
export function awsAccounts(): (key: AccountKey) => AwsAccount {
  const accounts = new Map<string, AwsAccount>()
  return (key) => {
    const name = ['aws', key.region, key.role_arn ?? '', key.endpoint_url ?? ''].join(' ').trimEnd()
    const account = accounts.get(name) ?? openAccount(name, key)
    accounts.set(name, account)
    return account
  }
}

function openAccount(name: string, key: AccountKey): AwsAccount {
  const api = ec2Api(key)
  const listings = new Map<string, (signal: AbortSignal) => Promise<readonly Listed[]>>()
  return {
    name,
    api,
    terminate: terminator(api),
    async list(installation_id, signal) {
      const list =
        listings.get(installation_id) ??
        shareNext(async (until) => await listOwned(api, installation_id, until))
      listings.set(installation_id, list)
      return await list(signal)
    },
  }
}
