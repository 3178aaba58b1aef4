import { Command } from 'commander'
import { discover } from '@copr/openshift/cluster/discover'
import { makeMissingSecrets } from '@copr/openshift/secrets/make-secrets'
import type { Io } from '../commands/administer.ts'
import { type DeploymentFiles, findDeployment, withDeployment } from './deployment-options.ts'

/** `coprctl secrets` creates missing secrets, for administrators who apply the objects by other means. */
export function secretsCommand(io: Io): Command {
  const command = new Command('secrets')
    .summary('create the missing secrets of a deployment')
    .description(
      'Generates passwords and keys in the cluster. Existing ones are kept; none is printed.',
    )
  return withDeployment(command).action(async (options: DeploymentFiles) => {
    const { api, read } = await findDeployment(options, io)
    const { facts } = await discover(api, read.vars)
    const needs = {
      namespace: read.vars.name,
      service_ca: facts.service_ca,
      account_tokens: true,
      database: read.vars.database.mode,
    }
    for (const made of await makeMissingSecrets(api, needs, new Date()))
      io.stdout.write(`${made}\n`)
  })
}
