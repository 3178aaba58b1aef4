import { Option } from 'commander'

/** Every command finds the system in the same way. */
export function configOption(env: NodeJS.ProcessEnv): Option {
  const option = new Option('--config <file>', 'configuration file (COPR_CONFIG)')
  return option.default(env['COPR_CONFIG'] ?? '.copr/copr.yaml')
}
