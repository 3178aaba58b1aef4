import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { connect, type KubeApi } from '@copr/openshift/cluster/kube-api'
import { type ReadVars, readVars, type VarsFile } from '@copr/openshift/configuration/read-vars'
import type { Facts } from '@copr/openshift/render/facts'
import { CoprError } from '@copr/process/errors'
import type { Io } from '../commands/administer.ts'
import { imagesOf, LOCK_FILE } from './images-lock.ts'

export interface DeploymentFiles {
  vars: string
  secretVars: string
  kubeconfig?: string
  images: string
}

/** What all commands about a deployment have. */
export function withDeployment(command: Command): Command {
  return command
    .option('--vars <file>', 'what the deployment shall be like', 'vars.yml')
    .option(
      '--secret-vars <file>',
      'credentials of clouds, or the file of the reference system',
      'secret-vars.yml',
    )
    .option(
      '--kubeconfig <file>',
      'how to reach the cluster (default: KUBECONFIG, or ~/.kube/config)',
    )
    .option('--images <file>', 'which images to run', LOCK_FILE)
}

export function readDeployment({
  vars,
  secretVars,
}: Pick<DeploymentFiles, 'vars' | 'secretVars'>): ReadVars {
  const wanted = fileAt(vars, 'vars.yml')
  const secrets = fileAt(secretVars, 'secret-vars.yml')
  return readVars({ ...(wanted ? { vars: wanted } : {}), ...(secrets ? { secrets } : {}) })
}

/** Both files may be missing, unless they were named. */
function fileAt(path: string, standard: string): VarsFile | undefined {
  if (existsSync(path)) return { path, text: readFileSync(path, 'utf8') }
  if (path === standard) return undefined
  throw new CoprError('not_found', `Cannot read ${path}: there is no such file`)
}

export interface Prepared {
  api: KubeApi
  read: ReadVars
  images: Facts['images']
}

/** Reads the files, says what became of those of the reference system, and finds the cluster. */
export async function prepareDeployment(files: DeploymentFiles, io: Io): Promise<Prepared> {
  const read = readDeployment(files)
  for (const { key, became } of read.remarks) io.stderr.write(`${key}: ${became}\n`)
  const images = imagesOf(read.vars, files.images)
  return { read, images, api: await connect(files.kubeconfig) }
}
