import { Command } from 'commander'
import { CoprError } from '@copr/process/errors'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import { administer, type Io } from './administer.ts'
import { subcommands } from './subcommands.ts'

/** `coprctl keygen` reads and verifies the signature log. */
export function keygenCommand(io: Io): Command {
  const keygen = new Command('keygen')
    .summary('read and check the signature log')
    .description('Signatures.')
  const sub = subcommands(keygen)

  administer(
    sub('log [owner/project]', 'the latest signatures, of a project or of all'),
    io,
    async ({ config }, [name]) => {
      const [owner = '', project = ''] = name?.split('/') ?? []
      const entries = await keygenClient(config.keygen).signatures(
        name === undefined ? undefined : { owner, project },
      )
      return { value: entries.map((entry) => ({ ...entry, names: entry.names.join(' ') })) }
    },
  )

  administer(
    sub('check', 'check that no entry of the log was changed or removed'),
    io,
    async ({ config }) => {
      const verdict = await keygenClient(config.keygen).checkLog()
      if (verdict.broken_at !== null)
        throw new CoprError(
          'conflict',
          `The signature log was altered: entry ${verdict.broken_at} does not match the entries before it`,
        )
      const { entries, head } = verdict
      return {
        value: { entries, head },
        words: `The signature log is intact: ${entries} entries`,
      }
    },
  )
  return keygen
}
