import { Option } from 'commander'

/** The configuration file in the default data folder of `coprctl up`. */
export const DEFAULT_CONFIG = '.copr/copr.yaml'

/** Returns the option `--config`, which is the same in all commands. */
export function configOption(env: NodeJS.ProcessEnv): Option {
  const option = new Option('--config <file>', 'configuration file (COPR_CONFIG)')
  return option.default(env['COPR_CONFIG'] ?? DEFAULT_CONFIG)
}
