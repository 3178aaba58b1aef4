import { Option } from 'commander'

/** Below the folder where `coprctl up` keeps its data unless it is told another. */
export const DEFAULT_CONFIG = '.copr/copr.yaml'

/** Every command finds the system in the same way. */
export function configOption(env: NodeJS.ProcessEnv): Option {
  const option = new Option('--config <file>', 'configuration file (COPR_CONFIG)')
  return option.default(env['COPR_CONFIG'] ?? DEFAULT_CONFIG)
}
