import { Command } from 'commander'
import {
  type Deployed,
  type DeployOptions,
  deploy,
  type Progress,
  requireState,
} from '@copr/openshift/deploy/deployment'
import type { State } from '@copr/openshift/deploy/state'
import { compareVersions } from '@copr/rpm/version'
import { CoprError } from '@copr/process/errors'
import { VERSION } from '@copr/process/version'
import type { Io } from '../commands/administer.ts'
import { stopSignal } from '../stop-signal.ts'
import {
  type DeploymentOptions,
  type Prepared,
  prepareDeployment,
  secondsOf,
  withImages,
} from './deployment-options.ts'

export interface DeployCommandOptions extends DeploymentOptions {
  timeout: number
  newAdminLink?: boolean
  json?: boolean
}

export function deployCommand(io: Io): Command {
  const command = new Command('deploy')
    .summary('deploy into OpenShift or Kubernetes')
    .description('Applies vars.yml to a cluster and waits until everything is ready. Idempotent.')
    .option('--new-admin-link', 'create a new link with which the administrator sets a password')
  return options(command).action(async (given: DeployCommandOptions) => {
    await runDeploy(await prepareDeployment(given, io), given, io)
  })
}

/** `coprctl upgrade` upgrades a deployment to this version; the deployment must be of the same or an older version. */
export function upgradeCommand(io: Io): Command {
  const command = new Command('upgrade')
    .summary('upgrade a deployment to this version')
    .description('Prints what will change, then deploys this version over the running one.')
  return options(command).action(async (given: DeployCommandOptions) => {
    const prepared = await prepareDeployment(given, io)
    requireOlder(await requireState(prepared.api, prepared.read.vars.name))
    const allow = (before: State | undefined): void => {
      if (!before) throw new CoprError('conflict', 'Cannot upgrade: it was just undeployed')
      requireOlder(before)
      io.stderr.write(`version   ${before.version} -> ${VERSION}\n`)
      io.stderr.write(`image     ${before.images.server} -> ${prepared.images.server}\n`)
    }
    await runDeploy(prepared, { ...given, allow }, io)
  })
}

function requireOlder({ version }: State): void {
  if (compareVersions(version, VERSION) > 0)
    throw new CoprError(
      'conflict',
      `Cannot deploy ${VERSION}: the newer version ${version} is already deployed, and the database cannot be downgraded`,
    )
}

function options(command: Command): Command {
  return withImages(command)
    .option('--timeout <seconds>', 'how long to wait until all is ready', secondsOf, 600)
    .option('--json', 'print JSON')
}

export async function runDeploy(
  prepared: Prepared,
  given: Omit<DeployCommandOptions, 'images'> & Pick<DeployOptions, 'allow'>,
  io: Io,
): Promise<void> {
  const { api, read, images } = prepared
  const began = performance.now()
  const done = await deploy(api, {
    read,
    images,
    now: new Date(),
    ...(given.allow ? { allow: given.allow } : {}),
    new_link: given.newAdminLink ?? false,
    timeout_ms: given.timeout * 1000,
    progress: progressOn(io, began),
    stop: stopSignal(),
  })
  say(done, { io, json: given.json ?? false, seconds: secondsSince(began) })
}

function say(
  done: Deployed,
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
  if (done.administrator_url === undefined) return
  io.stdout.write(`${done.administrator_url}\n`)
  io.stderr.write('The administrator sets a password with the second link, once, within a day\n')
}

function secondsSince(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1)
}

/** Prints a line for each event, except for unchanged objects. */
export function progressOn(io: Io, began: number): Progress {
  const line = (word: string, rest: string): void =>
    void io.stderr.write(`${secondsSince(began).padStart(6)} s  ${word.padEnd(9)} ${rest}\n`)
  return {
    found: ({ fact, value, from }) => line('found', `${fact}: ${value} (from ${from})`),
    generated: (what) => line('generated', what),
    applied: ({ kind, metadata }, change) => {
      if (change !== 'unchanged') line(change, `${kind} ${metadata.name}`)
    },
    blocked: (why) => line('waiting', `for ${why}`),
    waiting: ({ object, ready, why }) =>
      line(ready ? 'ready' : 'waiting', ready ? object : `${object}: ${why}`),
  }
}
