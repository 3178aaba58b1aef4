import { Command } from 'commander'
import { undeploy } from '@copr/openshift/deploy/undeploy'
import type { Io } from '../commands/administer.ts'
import { stopSignal } from '../stop-signal.ts'
import { progressOn } from './deploy-command.ts'
import {
  type DeploymentFiles,
  findDeployment,
  secondsOf,
  withDeployment,
} from './deployment-options.ts'

interface UndeployCommandOptions extends DeploymentFiles {
  deleteData?: boolean
  abandonMachines?: boolean
  timeout: number
}

export function undeployCommand(io: Io): Command {
  const command = new Command('undeploy')
    .summary('remove a deployment, its machines first')
    .description(
      'Terminates the machines in clouds, waits until none is left, and removes all objects. Volumes and keys are kept by default.',
    )
    .option(
      '--delete-data',
      'also delete volumes, database and signing keys, which cannot be restored',
    )
    .option(
      '--abandon-machines',
      'do not wait for machines in clouds: those that remain keep costing money',
    )
    .option(
      '--timeout <seconds>',
      'how long to wait until the machines are terminated',
      secondsOf,
      900,
    )
  return withDeployment(command).action(async (options: UndeployCommandOptions) => {
    const prepared = await findDeployment(options, io)
    const began = performance.now()
    await undeploy(prepared.api, {
      ...prepared,
      delete_data: options.deleteData ?? false,
      abandon_machines: options.abandonMachines ?? false,
      timeout_ms: options.timeout * 1000,
      progress: progressOn(io, began),
      stop: stopSignal(),
    })
    const { name } = prepared.read.vars
    const kept = options.deleteData
      ? ''
      : ' Volumes and Secrets are kept: coprctl deploy uses them again.'
    io.stderr.write(`Removed the deployment ${name}.${kept}\n`)
  })
}
