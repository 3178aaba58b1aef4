import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import { messageOf } from '@copr/process/errors'
import type { Finding } from '../provider.ts'
import { runScript } from './script.ts'

type Config = PoolConfigOf<'command'>

const COMMANDS = ['cmd_new', 'cmd_delete', 'cmd_livecheck', 'cmd_release', 'cmd_list'] as const
/** Checks a command's syntax, and whether its first word is something that the shell can run. */
const LOOK = `/bin/sh -nc "$COMMAND" || exit 1
eval "set -- $FIRST"
[ $# -gt 0 ] || exit 0
case $1 in
*/*) [ -x "$1" ] && [ ! -d "$1" ] ;;
*) command -v "$1" >/dev/null ;;
esac || { echo "$1: not found, or not executable" >&2; exit 1; }`

interface Asked {
  config: Config
  env: Record<string, string>
  /** Runs `cmd_list`; undefined if the pool has none. */
  list: ((signal: AbortSignal) => Promise<unknown>) | undefined
}

/** Checks scripts and keys. The only script that it runs is `cmd_list`, because that one changes nothing. */
export async function diagnose(
  { config, env, list }: Asked,
  signal: AbortSignal,
): Promise<Finding[]> {
  const commands = COMMANDS.flatMap((name) => {
    const command = config[name]
    return command === undefined ? [] : [commandFinding(name, command, env, signal)]
  })
  const findings = await Promise.all([
    ...commands,
    finding('ssh', async () => await runnable('ssh', env, signal)),
    ...(config.ssh_key_file === undefined ? [] : [keyFinding(config.ssh_key_file)]),
    ...(config.ssh_known_hosts_file === undefined
      ? []
      : [fileFinding('ssh_known_hosts_file', config.ssh_known_hosts_file)]),
  ])
  if (!list || findings.some(({ problem }) => problem !== undefined)) return findings
  return [...findings, await finding('listing', async () => await list(signal))]
}

async function finding(subject: string, look: () => Promise<unknown>): Promise<Finding> {
  try {
    await look()
    return { subject }
  } catch (error) {
    return { subject, problem: messageOf(error) }
  }
}

async function commandFinding(
  name: string,
  command: string,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<Finding> {
  const FIRST = firstWord(command)
  return await finding(name, async () => {
    const end = await runScript(LOOK, {
      env: { ...env, COMMAND: command, FIRST },
      signal,
      max_output_bytes: 0,
    })
    if (end.code !== 0)
      throw new Error(
        `Cannot run it: ${end.errors.trim()}; correct ${name} in pools.yaml, or make its program executable on this host`,
      )
  })
}

/** Returns the executable of a simple command line; empty if only a shell can determine it. */
function firstWord(command: string): string {
  const line = command.trimStart().split('\n')[0] ?? ''
  const word = line.replace(/^(?:[A-Za-z_]\w*=\S* +)*/, '').split(/\s/)[0] ?? ''
  return /^[\w./+-]+$/.test(word) ? word : ''
}

async function runnable(
  program: string,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const end = await runScript(`command -v ${program}`, { env, signal, max_output_bytes: 0 })
  if (end.code !== 0)
    throw new Error(`Cannot find ${program} on this host: install an OpenSSH client`)
}

async function keyFinding(path: string): Promise<Finding> {
  return await finding('ssh_key_file', async () => {
    await readable(path)
    const mode = (await stat(path)).mode & 0o077
    if (mode !== 0)
      throw new Error(`ssh refuses ${path} because others may read it: run chmod 600 ${path}`)
  })
}

async function fileFinding(subject: string, path: string): Promise<Finding> {
  return await finding(subject, async () => await readable(path))
}

async function readable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK)
  } catch (error) {
    throw new Error(
      `Cannot read the file: ${messageOf(error)}; check its permissions, and its path in pools.yaml`,
      {
        cause: error,
      },
    )
  }
}
