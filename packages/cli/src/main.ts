#!/usr/bin/env node
import { Command } from 'commander'
import { CoprError, messageOf } from '@copr/process/errors'
import { distroCommand } from './distro-command.ts'
import { runCommand } from './run/run-command.ts'
import { upCommand } from './up/up-command.ts'
import { VERSION } from '@copr/process/version'

const program = new Command('coprctl')
  .description('Administers a Copr build system.')
  .version(VERSION)
  .configureOutput({
    outputError: (text, write) => write(`coprctl: ${text.replace(/^error: /, '')}`),
  })
  .addCommand(upCommand())
  .addCommand(runCommand(process.env))
  .addCommand(distroCommand())
for (const command of program.commands) command.copyInheritedSettings(program)
// Wrong use is 2, a failure 1.
program.exitOverride((error) => {
  process.exitCode = error.exitCode === 0 ? 0 : 2
  throw error
})
for (const command of program.commands)
  command.exitOverride((error) => {
    process.exitCode = error.exitCode === 0 ? 0 : 2
    throw error
  })

try {
  await program.parseAsync()
} catch (error) {
  const isUsage =
    error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
  if (!isUsage) {
    process.exitCode = 1
    const detail =
      error instanceof CoprError || process.env['COPR_DEBUG'] === undefined
        ? messageOf(error)
        : String((error as Error).stack)
    process.stderr.write(`coprctl: ${detail}\n`)
  }
}
