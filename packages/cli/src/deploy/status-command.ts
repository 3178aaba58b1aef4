import { Command } from 'commander'
import { driftOf } from '@copr/openshift/deploy/apply'
import { currentObjects } from '@copr/openshift/deploy/deployment'
import { doctor } from '@copr/openshift/deploy/doctor'
import { isWaitedFor, readinessOf } from '@copr/openshift/deploy/readiness'
import { CoprError } from '@copr/process/errors'
import type { Io } from '../commands/administer.ts'
import { linesOf } from '../commands/lines.ts'
import { type DeploymentOptions, lookAtDeployment, withImages } from './deployment-options.ts'

interface StatusOptions extends DeploymentOptions {
  json?: boolean
}

/** `coprctl status` shows the state of a deployment, and how the objects in the cluster differ from those that were deployed. */
export function statusCommand(io: Io): Command {
  const command = new Command('status')
    .summary('show the state of a deployment and its drift')
    .description('Shows what is running, and which objects differ from vars.yml. Changes nothing.')
    .option('--json', 'print JSON')
  return withImages(command).action(async (options: StatusOptions) => {
    const prepared = await lookAtDeployment(options, io)
    const { objects, state } = await currentObjects(prepared.api, prepared)
    const waited = objects.filter(isWaitedFor)
    const states = await Promise.all(waited.map((each) => readinessOf(prepared.api, each)))
    const drift = (await driftOf(prepared.api, objects)).map(
      ({ object: { kind, metadata }, what }) => ({
        object: `${kind} ${metadata.name}`,
        differs: what,
      }),
    )
    const status = {
      url: `https://${state.host}`,
      version: state.version,
      image: state.images.server,
    }
    if (options.json)
      io.stdout.write(`${JSON.stringify({ ...status, objects: states, drift }, null, 2)}\n`)
    else {
      const rows = states.map(({ object, ready, why }) => ({ object, ready, why }))
      for (const line of [...linesOf(status), '', ...linesOf(rows)]) io.stdout.write(`${line}\n`)
      if (drift.length > 0) for (const line of ['', ...linesOf(drift)]) io.stdout.write(`${line}\n`)
    }
    if (drift.length > 0)
      throw new CoprError(
        'conflict',
        `${drift.length} objects differ from vars.yml: coprctl deploy corrects them`,
      )
    if (states.some(({ ready }) => !ready))
      throw new CoprError(
        'unavailable',
        'Not everything is ready: run coprctl doctor for the causes',
      )
  })
}

/** `coprctl doctor` checks a deployment and suggests remedies. */
export function doctorCommand(io: Io): Command {
  const command = new Command('doctor')
    .summary('diagnose a deployment')
    .description(
      'Checks the cluster, your rights, storage, quotas, objects, DNS name and site, and prints remedies.',
    )
  return withImages(command).action(async (options: DeploymentOptions) => {
    const prepared = await lookAtDeployment(options, io)
    const checks = await doctor(prepared.api, prepared)
    for (const { check, ok, words } of checks)
      io.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${check.padEnd(8)} ${words}\n`)
    const failed = checks.filter(({ ok }) => !ok)
    if (failed.length > 0)
      throw new CoprError('unavailable', `${failed.length} of ${checks.length} checks failed`)
  })
}
