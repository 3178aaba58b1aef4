import { existsSync, readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { connect } from '@copr/kube-client/connect'
import type { KubeApi } from '@copr/kube-client/kube-api'
import { type ReadVars, readVars, type VarsFile } from '@copr/openshift/configuration/read-vars'
import type { LookOptions } from '@copr/openshift/deploy/deployment'
import type { Facts } from '@copr/openshift/render/facts'
import { CoprError } from '@copr/process/errors'
import type { Io } from '../commands/administer.ts'
import { imagesOf, LOCK_FILE } from './images-lock.ts'

export interface DeploymentFiles {
  vars: string
  secretVars: string
  kubeconfig?: string
}

export interface DeploymentOptions extends DeploymentFiles {
  images: string
}

/** Adds `--images` to the options that all deployment commands share. */
export function withImages(command: Command): Command {
  return withDeployment(command).option(
    '--images <file>',
    'lock file of the images to run',
    LOCK_FILE,
  )
}

/** Adds the options that all deployment commands share. */
export function withDeployment(command: Command): Command {
  return command
    .option('--vars <file>', 'file that describes the deployment', 'vars.yml')
    .option(
      '--secret-vars <file>',
      'credentials of clouds, or the file of the reference system',
      'secret-vars.yml',
    )
    .option(
      '--kubeconfig <file>',
      'how to reach the cluster (default: KUBECONFIG, or ~/.kube/config)',
    )
}

export function readDeployment({
  vars,
  secretVars,
}: Pick<DeploymentFiles, 'vars' | 'secretVars'>): ReadVars {
  const wanted = fileAt(vars, 'vars.yml')
  const secrets = fileAt(secretVars, 'secret-vars.yml')
  return readVars({ ...(wanted ? { vars: wanted } : {}), ...(secrets ? { secrets } : {}) })
}

/** Reads a file; returns undefined if it does not exist and has the default name. */
function fileAt(path: string, standard: string): VarsFile | undefined {
  if (existsSync(path)) return { path, text: readFileSync(path, 'utf8') }
  if (path === standard) return undefined
  throw new CoprError('not_found', `Cannot read ${path}: there is no such file`)
}

/** Parses the value of `--timeout`, a non-negative number of seconds. */
export function secondsOf(text: string): number {
  const seconds = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new InvalidArgumentError('a number of seconds')
}

export interface Prepared {
  api: KubeApi
  read: ReadVars
  images: Facts['images']
}

/** Connects to the cluster. `coprctl` will be the field manager of the fields that a deployment sets. */
export async function clusterOf({ kubeconfig }: DeploymentFiles): Promise<KubeApi> {
  return await connect('coprctl', kubeconfig)
}

/** Reads the files, reports how settings of the reference system were translated, and connects to the cluster. */
export async function findDeployment(
  files: DeploymentFiles,
  io: Io,
): Promise<Omit<Prepared, 'images'>> {
  const read = readDeployment(files)
  for (const { key, became } of read.remarks) io.stderr.write(`${key}: ${became}\n`)
  return { read, api: await clusterOf(files) }
}

/** Calls findDeployment(), and determines the images to deploy. */
export async function prepareDeployment(options: DeploymentOptions, io: Io): Promise<Prepared> {
  const found = await findDeployment(options, io)
  return { ...found, images: imagesOf(found.read.vars, options.images) }
}

/** Calls findDeployment() for commands that only inspect; images that are not specified default to those that are deployed. */
export async function lookAtDeployment(
  options: DeploymentOptions,
  io: Io,
): Promise<LookOptions & Pick<Prepared, 'api'>> {
  const found = await findDeployment(options, io)
  const { vars } = found.read
  const isNamed = vars.images.server !== undefined || options.images !== LOCK_FILE
  return {
    ...found,
    images: (deployed) => (deployed && !isNamed ? deployed : imagesOf(vars, options.images)),
  }
}
