import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import type { Configuration } from '@copr/contract/configuration'
import type { PoolsFile } from '@copr/contract/pools/pools-file'
import { CoprError, messageOf } from '@copr/process/errors'
import { readPoolsText } from '@copr/resalloc/pools/read-pools'
import { configOption } from '../config-option.ts'
import { readConfigFile } from '../configuration/read-config.ts'
import type { Io } from './administer.ts'

/** Options of the commands that work on pools without the database. */
export interface PoolsOptions {
  config: string
  pools?: string
  installation?: string
}

export interface PoolsOf {
  pools: PoolsFile
  /** All pools of the file, including those not selected. */
  all_pools: PoolsFile
  installation_id: string
  /** Undefined if the options replace the configuration. */
  config: Configuration | undefined
}

export function withPools(command: Command, { env }: Io): Command {
  return command
    .addOption(configOption(env))
    .option('--pools <file>', 'the pools file, if it is not the one in the configuration')
    .option(
      '--installation <id>',
      'id of the installation; default: installation_id of the configuration',
    )
}

/** Reads the pools file that the options or the configuration name; returns the pools in `names`, or all if `names` is empty. */
export function poolsOf(options: PoolsOptions, names: readonly string[]): PoolsOf {
  const isSaid = options.pools !== undefined && options.installation !== undefined
  const config = isSaid ? undefined : readConfigFile(options.config)
  const path = options.pools ?? config?.pools_file
  const installation_id = options.installation ?? config?.installation_id
  if (path === undefined)
    throw new CoprError('invalid', `Cannot find the pools: ${options.config} has no pools_file`)
  if (installation_id === undefined)
    throw new CoprError(
      'invalid',
      `Cannot determine whose pools these are: ${options.config} has no installation_id`,
    )
  const pools = readPoolsFile(path)
  for (const name of names)
    if (!(name in pools)) {
      const there = Object.keys(pools).join(', ')
      throw new CoprError('not_found', `Cannot find the pool ${name}: ${path} has ${there}`)
    }
  const chosen = Object.entries(pools).filter(
    ([name]) => names.length === 0 || names.includes(name),
  )
  return { pools: Object.fromEntries(chosen), all_pools: pools, installation_id, config }
}

export function readPoolsFile(path: string): PoolsFile {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CoprError(
      'invalid',
      `Cannot read the pools file in ${dirname(path)}: ${messageOf(error)}`,
    )
  }
  const read = readPoolsText(content)
  if (!read.ok) throw new CoprError('invalid', `Cannot use ${path}: ${read.error}`)
  return read.pools
}
