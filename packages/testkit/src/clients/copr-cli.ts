import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { run, runOrThrow } from '@copr/process/run'
import type { Credentials } from '../system/api-client.ts'

export interface Account extends Credentials {
  url: string
  username: string
}

/** An unmodified copr-cli that uses one user's configuration. */
export interface CoprCli {
  readonly config: string
  readonly username: string
  /** Runs a subcommand that must succeed; returns what it prints. */
  ok(...args: string[]): Promise<string>
  /** Runs a subcommand that must exit with this code; returns what it prints. */
  fails(code: number, ...args: string[]): Promise<string>
  /** Runs an interactive subcommand with `input` as its standard input; it must succeed. Returns what it prints. */
  answering(input: string, ...args: string[]): Promise<string>
}

/** The subcommands that have succeeded; a test uses them to check that every subcommand is covered. */
export type Succeeded = Set<string>

export function coprCli(
  program: string,
  config: string,
  { account, succeeded }: { account: Account; succeeded: Succeeded },
): CoprCli {
  writeClientConfig(config, account)
  const outcomeOf = async (args: string[], input?: string) => {
    const outcome = await run(program, ['--config', config, ...args], {
      cwd: dirname(config),
      env: { HOME: dirname(config) },
      timeout_ms: 150_000,
      ...(input === undefined ? {} : { input }),
    })
    const code = outcome.ok ? 0 : outcome.exit_code
    return { code, output: outcome.output }
  }
  const expect = async (code: number, args: string[], input?: string): Promise<string> => {
    const outcome = await outcomeOf(args, input)
    assert.equal(outcome.code, code, `copr-cli ${args.join(' ')}\n${outcome.output}`)
    assert.doesNotMatch(outcome.output, /Traceback/, `copr-cli ${args.join(' ')}`)
    if (code === 0) succeeded.add(args[0] ?? '')
    return outcome.output
  }
  return {
    config,
    username: account.username,
    ok: async (...args) => await expect(0, args),
    fails: async (code, ...args) => await expect(code, args),
    answering: async (input, ...args) => await expect(0, args, input),
  }
}

/** Writes the configuration file as the site's API token page shows it. */
function writeClientConfig(path: string, { url, username, login, token }: Account): void {
  const lines = [
    '[copr-cli]',
    `login = ${login}`,
    `username = ${username}`,
    `token = ${token}`,
    `copr_url = ${url}`,
    'encrypted = False',
    '# expiration date: 2099-01-01',
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
}

/** Lists all subcommands of the installed copr-cli. */
export async function subcommandsOf(program: string): Promise<string[]> {
  const help = await runOrThrow(program, ['--help'], { env: { HOME: '/nonexistent' } })
  const names = /\{([a-z,-]+)\}/.exec(help.replaceAll(/\s+/g, ''))?.[1]?.split(',')
  if (names === undefined) throw new Error(`copr-cli --help lists no subcommands:\n${help}`)
  return names
}
