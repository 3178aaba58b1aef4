import type { PoolsFile } from '@copr/contract/pools/pools-file'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import type { Finding, ProviderContext } from './providers/provider.ts'
import type { ProviderMaker } from './providers/provider-maker.ts'

const POOL_MS = 120_000

export interface PoolFinding extends Finding {
  readonly pool: string
}

export interface DiagnoseOptions {
  pools: PoolsFile
  installation_id: string
  makeProvider: ProviderMaker
  log: Logger
  now: () => Date
}

/**
 * Runs the checks of the pools' providers, which create nothing. If the checks of a pool cannot run, the others still report their results.
 */
export async function diagnosePools(options: DiagnoseOptions): Promise<PoolFinding[]> {
  const { pools, installation_id, makeProvider, log, now } = options
  const found = await Promise.all(
    Object.entries(pools).map(async ([pool, config]) => {
      // The machines of a local pool are processes that `coprctl up` starts, so there is nothing to check in advance.
      if (config.provider === 'local') return [{ pool, subject: 'processes started by coprctl up' }]
      const context: ProviderContext = { pool, installation_id, log, now }
      try {
        const provider = makeProvider(config, context)
        const findings = (await provider.diagnose?.(AbortSignal.timeout(POOL_MS))) ?? []
        return findings.map((finding) => ({ pool, ...finding }))
      } catch (error) {
        return [{ pool, subject: `provider ${config.provider}`, problem: messageOf(error) }]
      }
    }),
  )
  return found.flat()
}
