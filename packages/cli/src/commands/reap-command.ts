import { text } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { CoprError } from '@copr/process/errors'
import { makeLog } from '@copr/process/log'
import { providerMaker } from '@copr/resalloc/providers/provider-maker'
import { type Leftover, leftovers, reap, type ReapOptions } from '@copr/resalloc/reap'
import { allProviders } from '@copr/resalloc/providers/all-providers'
import type { Io } from './administer.ts'
import { linesOf } from './lines.ts'
import { readPoolsFile } from './pools-of.ts'

interface Options {
  pools: string
  installation: string
  stateDir?: string
  yes?: boolean
  json?: boolean
}

/** `coprctl builders reap` removes machines that are left in clouds after the system and its database were deleted. */
export function reapOptions(command: Command, io: Io): Command {
  return command
    .requiredOption('--pools <file>', 'the pools file')
    .requiredOption('--installation <id>', 'the installation_id of the configuration')
    .option(
      '--state-dir <dir>',
      'where pools of the provider command kept their state (DATA_DIR/command-pools)',
    )
    .option('--yes', 'remove without asking')
    .option('--json', 'print JSON')
    .action(async (options: Options) => await runReap(options, io))
}

async function runReap(options: Options, io: Io): Promise<void> {
  const work = prepare(options, io)
  const { found, unasked } = await leftovers(work)
  const value = found.map(facts)
  if (options.json) io.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
  else for (const line of linesOf(value)) io.stdout.write(`${line}\n`)
  for (const each of unasked) io.stderr.write(`cannot be listed: ${each}\n`)
  if (found.length === 0) {
    if (unasked.length > 0) throw new CoprError('unavailable', 'Cannot list all pools')
    io.stderr.write(`nothing is tagged with the id ${options.installation}\n`)
    return
  }
  if (!options.yes && !(await isConfirmed(found.length, options, io))) {
    io.stderr.write('nothing was removed\n')
    return
  }
  const { left } = await reap(work)
  for (const each of left) io.stderr.write(`left: ${each}\n`)
  if (left.length > 0)
    throw new CoprError('unavailable', 'Cannot remove everything: run it again in some minutes')
  io.stderr.write(`removed ${found.length}\n`)
}

function prepare(
  { pools: path, installation, stateDir }: Options,
  { env, stderr }: Io,
): ReapOptions {
  const state_dir = stateDir ?? '/var/lib/copr/command-pools'
  return {
    pools: readPoolsFile(path),
    installation_id: installation,
    makeProvider: providerMaker(allProviders({ state_dir, env, startLocal: undefined })),
    log: makeLog('reap', { write: (line) => void stderr.write(env['COPR_DEBUG'] ? line : '') }),
    now: () => new Date(),
  }
}

function facts({ listed, pool }: Leftover): object {
  const { kind, provider_id, machine_id, state, created_at } = listed
  return { kind, provider_id, pool, machine_id: machine_id ?? null, state, created_at }
}

async function isConfirmed(count: number, { installation }: Options, io: Io): Promise<boolean> {
  if (!io.stdin.isTTY)
    throw new CoprError('invalid', 'Cannot ask for confirmation without a terminal: pass --yes')
  io.stderr.write(
    `Removes these ${count}, even if they are in use. Type the installation's id and end with Ctrl-D: `,
  )
  return (await text(Readable.from(io.stdin))).trim() === installation
}
