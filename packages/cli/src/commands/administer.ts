import type { Command } from 'commander'
import type { Configuration } from '@copr/contract/configuration'
import { type Db, openDb } from '@copr/domain/database/open'
import { type Actor, COMMAND } from '@copr/domain/audit/actor'
import { CoprError, messageOf } from '@copr/process/errors'
import { trustAuthorities } from '@copr/process/trust'
import { configOption } from '../config-option.ts'
import { readConfigFile } from '../configuration/read-config.ts'
import { linesOf } from './lines.ts'

/** The environment and standard streams of a command's process. */
export interface Io {
  env: NodeJS.ProcessEnv
  stdin: AsyncIterable<Buffer | string> & { isTTY?: boolean }
  stdout: { write(text: string): unknown }
  stderr: { write(text: string): unknown }
}

/** The dependencies of a command that works on the database. */
export interface Task {
  db: Db
  config: Configuration
  actor: Actor
  now: Date
  io: Io
}

/** The output of a command. */
export interface Answer {
  /** Printed on standard output: a list as a table, an object as lines of `name: value`; with --json, both as JSON. */
  value?: object
  /** Printed instead of `value`, unless --json is given. */
  plain?: string
  /** A message for people, printed on standard error. */
  words?: string
}

type Run<Options> = (task: Task, args: string[], options: Options) => Promise<Answer>

/** Adds to a command what all database commands share: the configuration, --json and --reason. */
export function administer<Options = Record<string, never>>(
  command: Command,
  io: Io,
  run: Run<Options>,
): Command {
  return command
    .addOption(configOption(io.env))
    .option('--json', 'print JSON')
    .option('--reason <text>', 'why, for the audit log')
    .action(async (...given: unknown[]) => {
      const { args } = given.at(-1) as Command
      const options = (given.at(-1) as Command).opts<Common & Options>()
      const config = readConfigFile(options.config)
      using _trust = trustAuthorities(config.trusted_ca_files)
      const db = openDb(config.database_url, { max_connections: 2 })
      try {
        await requireDatabase(db)
        const actor = { ...COMMAND, reason: options.reason }
        const answer = await run({ db, config, actor, now: new Date(), io }, args, options)
        say(answer, io, options.json ?? false)
      } finally {
        await db.destroy()
      }
    })
}

interface Common {
  config: string
  json?: boolean
  reason?: string
}

async function requireDatabase(db: Db): Promise<void> {
  try {
    await db.selectFrom('chroot').select('id').limit(1).execute()
  } catch (error) {
    throw new CoprError(
      'unavailable',
      `Cannot use the database: ${messageOf(error)} (with "coprctl up", it runs while the system runs)`,
      { cause: error },
    )
  }
}

function say({ value, plain, words }: Answer, { stdout, stderr }: Io, json: boolean): void {
  if (json) stdout.write(`${JSON.stringify(value ?? {}, null, 2)}\n`)
  else if (plain !== undefined) stdout.write(`${plain}\n`)
  else if (value) for (const line of linesOf(value)) stdout.write(`${line}\n`)
  if (words !== undefined) stderr.write(`${words}\n`)
}
