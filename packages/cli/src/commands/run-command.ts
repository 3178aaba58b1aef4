import { Argument, Command } from 'commander'
import { withoutBrackets } from '@copr/contract/listen-address'
import { makeLog } from '@copr/process/log'
import { join } from 'node:path'
import { configOption } from '../config-option.ts'
import { logUnhandled } from '../log-unhandled.ts'
import { stopSignal } from '../stop-signal.ts'
import { readConfigFile } from '../configuration/read-config.ts'
import { COMPONENT_NAMES, type ComponentName, runComponent } from '@copr/server/components'

interface RunOptions {
  config: string
  listen?: string
  name: string
  scratchDir?: string
}

/** `coprctl run COMPONENT` runs a single component, as in a cluster. */
export function runCommand(env: NodeJS.ProcessEnv): Command {
  return new Command('run')
    .summary('run one component of the system')
    .description(
      'Runs one component in this process, with the configuration file that all components share.',
    )
    .addArgument(new Argument('<component>', 'the component').choices(COMPONENT_NAMES))
    .addOption(configOption(env))
    .option('--listen <host:port>', 'listen here instead of where the configuration says')
    .option('--name <name>', "builder: the machine's name", 'builder')
    .option(
      '--scratch-dir <dir>',
      'builder: directory of builds and caches (default: DATA_DIR/builders/NAME)',
    )
    .action(async (component: ComponentName, options: RunOptions) => {
      const config = readConfigFile(options.config)
      const listen = /^(.*):(\d+)$/.exec(options.listen ?? '')
      if (listen)
        config.listen = { host: withoutBrackets(listen[1] ?? ''), port: Number(listen[2]) }
      const log = makeLog(component)
      logUnhandled(log)
      const running = {
        config,
        log,
        stop: stopSignal(),
        onListening: () => process.send?.('listening'),
      }
      await runComponent(component, running, {
        name: options.name,
        scratch_dir: options.scratchDir ?? join(config.data_dir, 'builders', options.name),
        enroll_token: env['COPR_ENROLL_TOKEN'],
      })
    })
}
