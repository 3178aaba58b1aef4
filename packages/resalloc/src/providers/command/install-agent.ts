import { readFile } from 'node:fs/promises'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import { agentBundle } from '@copr/agent/bundle/agent-bundle'
import { tar } from '@copr/agent/bundle/tar'
import { run } from '@copr/process/run'
import { agentConfigOf } from '../../bootstrap/agent-config-of.ts'
import type { BootConfig } from '../provider.ts'
import type { Host } from './host-of.ts'

const START = new URL('start-agent.sh', import.meta.url)
const DIR = '/var/lib/copr-builder'

export interface Installation {
  /** Unique; names the agent's folder and systemd unit. */
  name: string
  host: Host
  boot: BootConfig
  config: Pick<PoolConfigOf<'command'>, 'ssh_user' | 'ssh_key_file' | 'ssh_known_hosts_file'>
  /** File that stores the host's key after the first connection, unless the pool names a file of its own. */
  known_hosts_file: string
  signal: AbortSignal
}

/**
 * Starts the agent on a host. All data is sent through standard input, because other users of the host could read command arguments. After
 * this, the agent connects to the gateway, and nothing connects to the host again.
 */
export async function installAgent(installation: Installation): Promise<void> {
  const { name, host, boot, signal } = installation
  const { bytes } = await agentBundle()
  const dir = `${DIR}/${name}`
  const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`)
  // The host's administrator decides which certificate authorities the host trusts.
  const { trusted_ca: _, ...facts } = boot
  const agentConfig = agentConfigOf(facts, {
    enroll_token_file: `${dir}/enroll-token`,
    // The next agent on the host reuses the cached chroots and packages.
    scratch_dir: `${DIR}/scratch`,
    state_dir: `${dir}/state`,
    // We must not power off a host that is not ours.
    at_end: 'exit',
  })
  const archive = await tar([
    { path: 'agent.json', content: json(agentConfig) },
    { path: 'enroll-token', content: Buffer.from(`${boot.enroll_token}\n`) },
    { path: 'agent.tar.gz', content: bytes },
    { path: 'start-agent.sh', content: await readFile(START) },
  ])
  const nodes = Object.entries(boot.agent.node_sha256).flat()
  const start = ['/bin/sh', `${dir}/start-agent.sh`, name, boot.gateway_url, ...nodes].map(quote)
  const remote = [
    'umask 077',
    // Removes the files of an earlier attempt.
    `rm -rf ${quote(dir)}`,
    `mkdir -p ${quote(dir)}`,
    `tar -x -f - -C ${quote(dir)}`,
    start.join(' '),
  ].join(' && ')
  const installed = await run('ssh', [...sshOptions(installation), host.host, remote], {
    input: new Uint8Array(archive),
    signal,
  })
  if (!installed.ok)
    throw new Error(
      `Cannot start the agent on ${host.host}: ${installed.output.trim().slice(-500) || installed.reason}`,
    )
}

function sshOptions({ config, host, known_hosts_file }: Installation): string[] {
  const { ssh_user, ssh_key_file, ssh_known_hosts_file } = config
  const strict = ssh_known_hosts_file === undefined ? 'accept-new' : 'yes'
  return [
    '-T',
    '-F',
    'none',
    '-l',
    ssh_user,
    '-p',
    String(host.ssh_port),
    ...(ssh_key_file === undefined ? [] : ['-i', ssh_key_file]),
    '-oBatchMode=yes',
    '-oConnectTimeout=20',
    '-oServerAliveInterval=15',
    `-oStrictHostKeyChecking=${strict}`,
    `-oUserKnownHostsFile=${ssh_known_hosts_file ?? known_hosts_file}`,
    '--',
  ]
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
