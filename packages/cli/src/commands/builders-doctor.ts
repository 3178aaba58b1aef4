import { join } from 'node:path'
import type { Command } from 'commander'
import { CoprError } from '@copr/process/errors'
import { makeLog } from '@copr/process/log'
import { diagnosePools } from '@copr/resalloc/diagnose-pools'
import { providerMaker } from '@copr/resalloc/providers/provider-maker'
import { allProviders } from '@copr/resalloc/providers/all-providers'
import type { Io } from './administer.ts'
import { type PoolsOptions, poolsOf, withPools } from './pools-of.ts'

interface Options extends PoolsOptions {
  json?: boolean
}

/**
 * `coprctl builders doctor` checks pools with the credentials and files on this machine, which should be the same as those that resalloc
 * uses.
 */
export function doctorOptions(command: Command, io: Io): Command {
  return withPools(command, io)
    .option('--json', 'print JSON')
    .action(async (names: string[], options: Options) => await runDoctor(names, options, io))
}

async function runDoctor(names: string[], options: Options, io: Io): Promise<void> {
  const { pools, installation_id, config } = poolsOf(options, names)
  const state_dir = join(config?.data_dir ?? '/var/lib/copr', 'command-pools')
  const { env, stdout, stderr } = io
  const findings = await diagnosePools({
    pools,
    installation_id,
    makeProvider: providerMaker(allProviders({ state_dir, env, startLocal: undefined })),
    log: makeLog('doctor', { write: (line) => void stderr.write(env['COPR_DEBUG'] ? line : '') }),
    now: () => new Date(),
  })
  const wrong = findings.filter(({ problem }) => problem !== undefined)
  if (options.json) stdout.write(`${JSON.stringify(findings, null, 2)}\n`)
  else
    for (const { pool, subject, problem } of findings)
      stdout.write(
        problem === undefined
          ? `ok    ${pool}: ${subject}\n`
          : `FAIL  ${pool}: ${subject}\n      ${problem}\n`,
      )
  if (wrong.length > 0)
    throw new CoprError('unavailable', `${wrong.length} of ${findings.length} checks failed`)
}
