import { PoolConfig } from '@copr/contract/pools/provider-options'

/** For tests: returns the configuration of a pool of scripts; `options` override the defaults. */
export function poolConfig(options: Record<string, unknown>): PoolConfig {
  return PoolConfig.parse({ cmd_new: 'new', cmd_delete: 'delete', arches: ['x86_64'], ...options })
}
