import { setTimeout as sleep } from 'node:timers/promises'
import type { PoolsFile } from '@copr/contract/pools/pools-file'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import type { Listed, Provider } from './providers/provider.ts'
import type { ProviderMaker } from './providers/provider-maker.ts'

const LIST_MS = 600_000
const REMOVE_MS = 60_000
/**
 * Resources attached to a machine, such as network interfaces and security groups, can be removed only some time after the machine, so
 * removal is retried in several rounds.
 */
const ROUNDS = 5
const BETWEEN_ROUNDS_MS = 10_000

export interface Leftover {
  readonly listed: Listed
  readonly pool: string
  readonly provider: Provider
}

export interface ReapOptions {
  pools: PoolsFile
  installation_id: string
  makeProvider: ProviderMaker
  log: Logger
  now: () => Date
  between_rounds_ms?: number
}

/**
 * Lists all resources of an installation that still exist in the clouds, without using its database: providers list only resources that
 * carry the installation's id. Pools with the same account are listed once. `unasked` contains the pools that could not be listed, with the
 * reasons.
 */
export async function leftovers(
  options: ReapOptions,
): Promise<{ found: Leftover[]; unasked: string[] }> {
  const { pools, installation_id, makeProvider, log, now } = options
  const found: Leftover[] = []
  const unasked: string[] = []
  const asked = new Set<string>()
  for (const [pool, config] of Object.entries(pools)) {
    // This provider's machines are processes that end with the process that started them.
    if (config.provider === 'local') continue
    try {
      const provider = makeProvider(config, { pool, installation_id, log, now })
      const account = provider.account ?? pool
      if (asked.has(account)) continue
      const listed = await Array.fromAsync(provider.list(AbortSignal.timeout(LIST_MS)))
      asked.add(account)
      for (const each of listed)
        if (each.state !== 'ended') found.push({ listed: each, pool: each.pool ?? pool, provider })
    } catch (error) {
      unasked.push(`${pool}: ${messageOf(error)}`)
    }
  }
  return { found, unasked }
}

/** Removes all leftovers, machines first, and lists again until nothing is left. Returns what could not be removed. */
export async function reap(options: ReapOptions): Promise<{ left: string[] }> {
  const { log, between_rounds_ms = BETWEEN_ROUNDS_MS } = options
  let left: string[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const { found, unasked } = await leftovers(options)
    left = [...unasked]
    const inOrder = found.toSorted((a, b) => rank(a) - rank(b))
    for (const { listed, provider, pool } of inOrder) {
      const what = `${listed.kind} ${listed.provider_id} of ${pool}`
      try {
        await provider.remove(listed, AbortSignal.timeout(REMOVE_MS))
        log.info({ what }, 'Removal requested')
        left.push(`${what}: its removal was requested, but it is still listed`)
      } catch (error) {
        left.push(`${what}: ${messageOf(error)}`)
      }
    }
    if (found.length === 0) break
    // The first removal is checked without a pause, because most clouds remove resources at once.
    if (round > 1 && round < ROUNDS) await sleep(between_rounds_ms)
  }
  return { left }
}

function rank({ listed }: Leftover): number {
  return listed.kind === 'machine' ? 0 : 1
}
