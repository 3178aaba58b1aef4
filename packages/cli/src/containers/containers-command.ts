import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { missingPrograms } from '@copr/builder/programs'
import { downContainers } from '@copr/openshift/podman/down-containers'
import { fitPodman } from '@copr/openshift/podman/fit-podman'
import { openPodman } from '@copr/openshift/podman/podman'
import { varsForPodman } from '@copr/openshift/podman/podman-vars'
import { upContainers, type UpContainers } from '@copr/openshift/podman/up-containers'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { CoprError, messageOf } from '@copr/process/errors'
import { parseAllDocuments } from 'yaml'
import type { Io } from '../commands/administer.ts'
import { subcommands } from '../commands/subcommands.ts'
import { progressOn } from '../deploy/deploy-command.ts'
import { readDeployment, secondsOf } from '../deploy/deployment-options.ts'
import { LOCK_FILE } from '../deploy/images-lock.ts'
import { stopSignal } from '../stop-signal.ts'
import { requireFreePort } from '../up/listen-check.ts'
import { openTo } from '../up/listen-urls.ts'
import { containerImages } from './container-images.ts'

interface UpOptions {
  vars: string
  secretVars: string
  images: string
  port: number
  host: string
  publicUrl?: string
  builders: number
  secrets?: string
  newAdminLink?: boolean
  timeout: number
  json?: boolean
}

interface DownOptions {
  vars: string
  secretVars: string
  volumes?: boolean
}

const MOST_BUILDERS = 8

/** `coprctl containers` runs a deployment on this machine, with podman. */
export function containersCommand(io: Io): Command {
  const containers = new Command('containers')
    .summary('run the objects of a deployment on this machine, with podman')
    .description('The objects of a deployment, run by podman on this machine.')
  const sub = subcommands(containers)
  const cores = Math.min(availableParallelism(), MOST_BUILDERS)
  withVars(sub('up', 'start what vars.yml specifies on this machine, and wait until it is ready'))
    .option(
      '--images <file>',
      'lock file of the images to run; missing images are built from this folder',
      LOCK_FILE,
    )
    .option('--port <port>', 'the one public port', whole(1, 65_535), 5000)
    .option('--host <address>', 'listen at this address; 0.0.0.0 for all', '127.0.0.1')
    .option('--public-url <url>', 'how users reach it (default: http://localhost:PORT)')
    .option('--builders <count>', 'maximum number of builds at a time', whole(0, 100), cores)
    .option('--secrets <file>', 'manifests of the Secrets that vars.yml names')
    .option('--new-admin-link', 'create a new link with which the administrator sets a password')
    .option('--timeout <seconds>', 'how long to wait until all is ready', secondsOf, 600)
    .option('--json', 'print JSON')
    .action(async (options: UpOptions) => await up(options, io))
  withVars(sub('down', 'stop everything; data and keys are kept'))
    .option('--volumes', 'also remove data and keys, which cannot be restored')
    .action(async (options: DownOptions) => await down(options, io))
  return containers
}

function withVars(command: Command): Command {
  return command
    .option('--vars <file>', 'file that describes the deployment', 'vars.yml')
    .option('--secret-vars <file>', 'the file of the reference system', 'secret-vars.yml')
}

async function up(options: UpOptions, io: Io): Promise<void> {
  const read = readDeployment(options)
  const { vars, remarks } = varsForPodman(read.vars)
  for (const { key, became } of read.remarks) io.stderr.write(`${key}: ${became}\n`)
  for (const remark of remarks) io.stderr.write(`${remark}\n`)
  const stop = stopSignal()
  const began = performance.now()
  const plain = openPodman(io.env, stop)
  await plain.run(['--version']) // Fail here rather than after minutes of building images.
  const images = await containerImages(plain, { vars, lock: options.images, io, stop })
  using fitted = await fitPodman(io.env, { image: images.server, stop })
  const { podman, remark } = fitted
  if (remark !== undefined) io.stderr.write(`${remark}\n`)
  const { port, host, builders, publicUrl } = options
  // If the deployment already runs, its own proxy uses the port.
  if (!(await podman.try(['pod', 'exists', `${vars.name}-proxy`])).ok)
    await requireFreePort({ host, port })
  for (const line of openTo({ host, port })) io.stderr.write(`${line}\n`)
  const done = await upContainers(podman, {
    vars,
    images,
    publish: { host, port },
    public_url: publicUrl ?? `http://localhost:${port}`,
    builders,
    secrets: options.secrets === undefined ? [] : secretsIn(options.secrets),
    new_link: options.newAdminLink ?? false,
    now: new Date(),
    timeout_ms: options.timeout * 1000,
    progress: progressOn(io, began),
    stop,
  })
  say(done, {
    io,
    json: options.json ?? false,
    seconds: ((performance.now() - began) / 1000).toFixed(1),
  })
}

function say(
  done: UpContainers,
  { io, json, seconds }: { io: Io; json: boolean; seconds: string },
): void {
  if (json) {
    io.stdout.write(`${JSON.stringify(done, null, 2)}\n`)
    return
  }
  io.stderr.write(
    done.changes === 0
      ? `\nNothing had to change (${seconds} s)\n`
      : `\nReady after ${seconds} s\n`,
  )
  io.stdout.write(`${done.url}\n`)
  if (done.administrator_url !== undefined) {
    io.stdout.write(`${done.administrator_url}\n`)
    io.stderr.write('The administrator sets a password with the second link, once, within a day\n')
  }
  io.stderr.write('make down-containers stops it\n')
}

async function down(options: DownOptions, io: Io): Promise<void> {
  const { vars } = readDeployment(options)
  if (missingPrograms(['podman'], io.env['PATH']).length > 0) {
    io.stderr.write('Nothing was running: podman is not installed\n')
    return
  }
  const podman = openPodman(io.env, stopSignal())
  const onEnding = (pod: string): void => void io.stderr.write(`ending    Pod ${pod}\n`)
  const volumes = options.volumes ?? false
  const { pods, kept, removed } = await downContainers(
    podman,
    { namespace: vars.name },
    { volumes, onEnding },
  )
  if (pods.length === 0) io.stderr.write('Nothing was running\n')
  for (const volume of volumes ? removed : []) io.stderr.write(`removed   ${volume}\n`)
  if (kept.length === 0) return
  io.stderr.write('Data and keys are kept in these volumes; make up-containers uses them again:\n')
  for (const volume of kept) io.stdout.write(`${volume}\n`)
  io.stderr.write('make down-containers ARGS=--volumes deletes them\n')
}

function secretsIn(path: string): KubeObject[] {
  try {
    const objects = parseAllDocuments(readFileSync(path, 'utf8')).map(
      (document) => document.toJS() as KubeObject | null,
    )
    const found = objects.filter((each) => each !== null)
    for (const { kind, metadata } of found)
      if (!['Secret', 'ConfigMap'].includes(kind) || typeof metadata?.name !== 'string')
        throw new Error('only Secrets and ConfigMaps with a name may be in it')
    return found
  } catch (error) {
    throw new CoprError('invalid', `Cannot read the Secrets in ${path}: ${messageOf(error)}`)
  }
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (!Number.isInteger(number) || number < least || number > most)
      throw new InvalidArgumentError(`a number from ${least} to ${most}`)
    return number
  }
}
