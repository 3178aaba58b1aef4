import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Configuration } from '@copr/contract/configuration'
import type { Notices } from '@copr/domain/database/notify'
import type { Db } from '@copr/domain/database/open'
import { agentBundle } from '@copr/agent/bundle/agent-bundle'
import { Bell, every, untilAborted } from '@copr/process/every'
import type { Logger } from '@copr/process/log'
import { settledFile } from '@copr/process/replaced-file'
import { makeManager } from './manager/manager.ts'
import { providerMaker, type Registry } from './providers/provider-maker.ts'

/** Seconds between cycles if no notification triggers one sooner. */
const LOOK_SECONDS = 3
/** Minimum pause between cycles, however many notifications arrive. */
const PAUSE_MS = 300

export interface ResallocOptions {
  db: Db
  notices: Notices
  config: Configuration
  registry: Registry
  log: Logger
  now: () => Date
  stop: AbortSignal
}

/** Keeps the machines of all pools in the desired state until `stop` aborts. Several instances may run, but only one of them acts. */
export async function runResalloc(options: ResallocOptions): Promise<void> {
  const { db, notices, config, registry, log, now, stop } = options
  const { pools_file, installation_id, public_ca_file } = config
  if (pools_file === undefined || installation_id === undefined) {
    log.info('No pools_file is configured: no machines are started')
    return await untilAborted(stop)
  }
  const bell = new Bell()
  using _machines = notices.on('copr_machine', () => bell.ring())
  using _tasks = notices.on('copr_queue', () => bell.ring())
  const manager = makeManager({
    db,
    log,
    now,
    installation_id,
    holder: `${hostname()} ${process.pid} ${randomUUID()}`,
    gateway_url: config.internal_url ?? config.public_url,
    ...(public_ca_file ? { trusted_ca: await readFile(public_ca_file, 'utf8') } : {}),
    agent: agentRelease,
    makeProvider: providerMaker(registry),
    readPools: settledFile(pools_file),
    limits: config.limits,
    max_attempts: config.limits.max_attempts,
    wake: () => bell.ring(),
  })
  const step = async (): Promise<void> => {
    await manager.cycle()
    await new Bell().wait(PAUSE_MS, stop)
  }
  await every(LOOK_SECONDS, step, { stop, log, bell })
  await manager.leave()
}

async function agentRelease(): Promise<{ sha256: string; node_sha256: Record<string, string> }> {
  const { sha256, nodes } = await agentBundle()
  return {
    sha256,
    node_sha256: Object.fromEntries(nodes.map((node) => [node.arch, node.sha256])),
  }
}
