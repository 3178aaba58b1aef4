import { isDeepStrictEqual } from 'node:util'
import { archesOf, type PoolsFile } from '@copr/contract/pools/pools-file'
import type { PoolConfig } from '@copr/contract/pools/provider-options'
import { notePoolsFile } from '@copr/domain/pools/pools-file'
import { syncOfferings } from '@copr/domain/pools/offerings'
import { allPools, poolReconfigured, setPool, syncPools } from '@copr/domain/pools/pools'
import { messageOf } from '@copr/process/errors'
import type { ManagerOptions } from '../manager/manager-options.ts'
import type { DesiredPool } from '../manager/plan-types.ts'
import type { Provider } from '../providers/provider.ts'
import { digestOf, readPoolsText } from './read-pools.ts'

export interface ActivePool {
  readonly desired: DesiredPool
  readonly provider: Provider
}

/**
 * The pools and their providers. The file is read repeatedly. As long as it is invalid, its last valid contents stay in effect. A pool that
 * was removed from the file keeps its last configuration until its machines are gone.
 */
export class PoolSet {
  readonly #options: ManagerOptions
  readonly #active = new Map<string, ActivePool & { digest: string }>()
  /** By pool name: the digest of a configuration for which no provider could be made. */
  readonly #failed = new Map<string, string>()
  /** The digest of the pools file that was read last, whether valid or not; empty if the file could not be read. */
  #digest: string | undefined

  constructor(options: ManagerOptions) {
    this.#options = options
  }

  get(name: string): ActivePool | undefined {
    return this.#active.get(name)
  }

  all(): ActivePool[] {
    return [...this.#active.values()]
  }

  /** Updates the table from the file, and the providers from the table. */
  async refresh(): Promise<void> {
    await this.#readFile()
    const rows = await allPools(this.#options.db)
    const names = new Set(rows.map((row) => row.name))
    for (const name of this.#active.keys()) if (!names.has(name)) this.#active.delete(name)
    for (const { name, config } of rows) await this.#activate(name, config)
  }

  async #readFile(): Promise<void> {
    const { db, log, now } = this.#options
    let text: string
    try {
      text = await this.#options.readPools()
    } catch (error) {
      return await this.#refuse('', messageOf(error))
    }
    const digest = digestOf(text)
    if (digest === this.#digest) return
    const read = readPoolsText(text)
    if (!read.ok) return await this.#refuse(digest, read.error)
    await this.#accept(read.pools)
    await notePoolsFile(db, { digest, error: null, now: now() })
    this.#digest = digest
    log.info({ pools: Object.keys(read.pools) }, 'Pools read')
  }

  async #refuse(digest: string, error: string): Promise<void> {
    const { db, log, now } = this.#options
    if (digest === this.#digest) return
    await notePoolsFile(db, { digest, error, now: now() })
    this.#digest = digest
    log.error({ reason: error }, 'Cannot use the pools file, keeping the previous one')
  }

  async #accept(file: PoolsFile): Promise<void> {
    const { db, now } = this.#options
    const known = new Map((await allPools(db)).map((row) => [row.name, row.config]))
    const pools = Object.entries(file).map(([name, config]) => ({
      name,
      config,
      cleans: this.#cleans(name, config),
    }))
    await syncPools(db, pools, now())
    for (const { name, config } of pools)
      // The configuration is compared in the form in which the table returns it, without undefined values.
      if (
        known.has(name) &&
        !isDeepStrictEqual(known.get(name), JSON.parse(JSON.stringify(config)))
      )
        await poolReconfigured(db, name, now())
  }

  #cleans(name: string, config: PoolConfig): boolean {
    try {
      return this.#make(name, config).clean !== undefined
    } catch {
      return false // #activate() holds the pool
    }
  }

  async #activate(name: string, config: PoolConfig): Promise<void> {
    const digest = JSON.stringify(config)
    if (this.#active.get(name)?.digest === digest || this.#failed.get(name) === digest) return
    const { db, log } = this.#options
    try {
      const provider = this.#make(name, config)
      const desired = desiredPool(name, config, provider)
      await syncOfferings(db, name, desired.offerings)
      this.#active.set(name, { desired, provider, digest })
    } catch (error) {
      this.#failed.set(name, digest)
      log.error({ pool: name, reason: messageOf(error) }, 'Cannot use the pool')
      await setPool(db, name, { hold_reason: messageOf(error), held_until: null })
    }
  }

  #make(pool: string, config: PoolConfig): Provider {
    const { makeProvider, installation_id, log, now } = this.#options
    return makeProvider(config, { pool, installation_id, log: log.child({ pool }), now })
  }
}

function desiredPool(name: string, config: PoolConfig, provider: Provider): DesiredPool {
  return {
    name,
    config,
    arches: archesOf(config),
    tags: [...config.tags, ...config.tags_on_demand].map((tag) => tag.name),
    offerings: provider.offerings(),
    account: provider.account ?? `pool ${name}`,
    settle_seconds: provider.settle_seconds ?? 0,
    is_blind: provider.is_blind ?? false,
    can_check: provider.check !== undefined,
  }
}
