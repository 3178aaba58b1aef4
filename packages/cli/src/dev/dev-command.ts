import { Command } from 'commander'
import type { DevProgress } from '@copr/openshift/dev/build-image'
import { buildImages, cannotBuild, hasBuilds, removeBuilds } from '@copr/openshift/dev/dev-up'
import { sourceArchive } from '@copr/openshift/dev/source-archive'
import { readState } from '@copr/openshift/deploy/state'
import { undeploy } from '@copr/openshift/deploy/undeploy'
import type { Io } from '../commands/administer.ts'
import { subcommands } from '../commands/subcommands.ts'
import { buildHere, ROOT } from '../deploy/build-here.ts'
import { type DeployCommandOptions, progressOn, runDeploy } from '../deploy/deploy-command.ts'
import {
  clusterOf,
  type DeploymentFiles,
  type Prepared,
  readDeployment,
  secondsOf,
} from '../deploy/deployment-options.ts'
import { imagesOf, LOCK_FILE } from '../deploy/images-lock.ts'
import { stopSignal } from '../stop-signal.ts'

interface DevOptions extends Omit<DeployCommandOptions, 'images'> {
  source: string
  buildTimeout: number
}

interface DownOptions extends DeploymentFiles {
  timeout: number
  deleteData?: boolean
  abandonMachines?: boolean
}

/** `coprctl dev` runs the code of this checkout in a cluster; it needs neither a release nor a registry. */
export function devCommand(io: Io): Command {
  const dev = new Command('dev')
    .summary('run the code in this folder in a cluster')
    .description('The code of this folder in a cluster, as it is now.')
  const sub = subcommands(dev)
  withCluster(sub('up', 'build this folder in the cluster, and deploy it'))
    .option('--source <dir>', 'the folder with the code', ROOT)
    .option('--build-timeout <seconds>', 'how long to wait for each image', secondsOf, 1800)
    .option('--new-admin-link', 'create a new link with which the administrator sets a password')
    .option('--json', 'print JSON')
    .action(async (options: DevOptions) => await up(options, io))
  withCluster(sub('down', 'remove the deployment and its images'))
    .option('--delete-data', 'delete volumes, database and signing keys, too')
    .option('--abandon-machines', 'do not wait for machines in clouds')
    .action(async (options: DownOptions) => await down(options, io))
  return dev
}

/** Adds the options of deployment commands, except those about images, because `coprctl dev` builds its images in the cluster. */
function withCluster(command: Command): Command {
  return command
    .option('--vars <file>', 'file that describes the deployment', 'vars.yml')
    .option('--secret-vars <file>', 'credentials of clouds', 'secret-vars.yml')
    .option('--kubeconfig <file>', 'how to reach the cluster')
    .option(
      '--timeout <seconds>',
      'how long to wait until all is ready, or is gone',
      secondsOf,
      600,
    )
}

async function up(options: DevOptions, io: Io): Promise<void> {
  const read = readDeployment(options)
  const api = await clusterOf(options)
  const stop = stopSignal()
  const began = performance.now()
  let prepared: Prepared
  if (await hasBuilds(api)) {
    using source = await sourceArchive(options.source, stop)
    const progress = devProgress(io, began)
    const timeout_ms = options.buildTimeout * 1000
    const built = await buildImages(api, read, { source, progress, timeout_ms, stop })
    prepared = { api, ...built }
  } else {
    const { registry } = read.vars.images
    if (registry === undefined) throw cannotBuild(api.server)
    await buildHere(['--push', `${registry.replace(/\/$/, '')}/copr`], { io, stop })
    prepared = { api, read, images: imagesOf(read.vars, LOCK_FILE) }
  }
  await runDeploy(prepared, options, io)
}

async function down(options: DownOptions, io: Io): Promise<void> {
  const read = readDeployment(options)
  const api = await clusterOf(options)
  const progress = progressOn(io, performance.now())
  const { name } = read.vars
  const state = await readState(api, name)
  if (state)
    await undeploy(api, {
      read,
      delete_data: options.deleteData ?? false,
      abandon_machines: options.abandonMachines ?? false,
      timeout_ms: options.timeout * 1000,
      progress,
      stop: stopSignal(),
    })
  if (await hasBuilds(api)) await removeBuilds(api, name, (ref) => progress.applied(ref, 'removed'))
  const kept = options.deleteData ? '' : ' Volumes and Secrets are kept.'
  io.stderr.write(`Removed the deployment of this folder from ${name}.${kept}\n`)
}

function devProgress(io: Io, began: number): DevProgress {
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1).padStart(6)
  return {
    step: (what) => void io.stderr.write(`${seconds()} s  build     ${what}\n`),
    log: (lines) => void io.stderr.write(lines.map((line) => `          | ${line}\n`).join('')),
  }
}
