import { PoolConfig } from '@copr/contract/pools/provider-options'

/** For tests: a pool of scripts with the default options, or others. */
export function poolConfig(options: Record<string, unknown>): PoolConfig {
  return PoolConfig.parse({ cmd_new: 'new', cmd_delete: 'delete', arches: ['x86_64'], ...options })
}
