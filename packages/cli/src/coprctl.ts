import { Command } from 'commander'
import { CoprError, messageOf } from '@copr/process/errors'
import { VERSION } from '@copr/process/version'
import { buildersCommand } from './commands/builders-command.ts'
import { chrootCommand } from './commands/chroot-command.ts'
import { eventsCommand } from './commands/events-command.ts'
import { groupCommand } from './commands/group-command.ts'
import { imageCommand } from './commands/image-command.ts'
import { keygenCommand } from './commands/keygen-command.ts'
import { projectCommand } from './commands/project-command.ts'
import type { Io } from './commands/administer.ts'
import { quotaCommand } from './commands/quota-command.ts'
import { tokenCommand } from './commands/token-command.ts'
import { userCommand } from './commands/user-command.ts'
import { containersCommand } from './containers/containers-command.ts'
import { configCommand } from './deploy/config-command.ts'
import { deployCommand, upgradeCommand } from './deploy/deploy-command.ts'
import { renderCommand } from './deploy/render-command.ts'
import { secretsCommand } from './deploy/secrets-command.ts'
import { doctorCommand, statusCommand } from './deploy/status-command.ts'
import { undeployCommand } from './deploy/undeploy-command.ts'
import { devCommand } from './dev/dev-command.ts'
import { distroCommand } from './commands/distro-command.ts'
import { proxyCommand } from './commands/proxy-command.ts'
import { drainCommand } from './commands/drain-command.ts'
import { prepareCommand } from './commands/prepare-command.ts'
import { runCommand } from './commands/run-command.ts'
import { submitCommand } from './submit/submit-command.ts'
import { upCommand } from './up/up-command.ts'

/** Returns the command `coprctl` with all its subcommands. */
export function commandTable(io: Io): Command {
  const program = new Command('coprctl')
    .description('Administers a Copr build system.')
    .version(VERSION)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`coprctl: ${text.replace(/^error: /, '')}`),
    })
    .exitOverride()
    .addCommand(upCommand())
    .addCommand(runCommand(io.env))
    .addCommand(prepareCommand(io.env))
    .addCommand(drainCommand(io.env))
    .addCommand(proxyCommand())
    .addCommand(containersCommand(io))
    .addCommand(deployCommand(io))
    .addCommand(devCommand(io))
    .addCommand(statusCommand(io))
    .addCommand(doctorCommand(io))
    .addCommand(upgradeCommand(io))
    .addCommand(undeployCommand(io))
    .addCommand(renderCommand(io))
    .addCommand(secretsCommand(io))
    .addCommand(configCommand(io))
    .addCommand(userCommand(io))
    .addCommand(groupCommand(io))
    .addCommand(tokenCommand(io))
    .addCommand(quotaCommand(io))
    .addCommand(chrootCommand(io))
    .addCommand(projectCommand(io))
    .addCommand(eventsCommand(io))
    .addCommand(keygenCommand(io))
    .addCommand(buildersCommand(io))
    .addCommand(imageCommand(io))
    .addCommand(submitCommand(io))
    .addCommand(distroCommand())
  inherit(program)
  return program
}

/** Runs a command line; returns its exit code: 0 for success, 1 for a failure, 2 for a usage error. */
export async function coprctl(args: string[], io: Io): Promise<number> {
  const program = commandTable(io)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (isUsage(error)) return error.exitCode === 0 ? 0 : 2
    const isKnown = error instanceof CoprError || io.env['COPR_DEBUG'] === undefined
    const detail = isKnown ? messageOf(error) : String((error as Error).stack)
    io.stderr.write(`coprctl: ${detail}\n`)
    return 1
  }
}

function inherit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    inherit(child)
  }
}

function isUsage(error: unknown): error is Error & { exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}
