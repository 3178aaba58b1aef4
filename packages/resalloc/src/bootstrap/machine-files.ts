import { readFileSync } from 'node:fs'
import { withoutSlashes } from '@copr/contract/without-slashes'
import type { BootConfig } from '../providers/provider.ts'
import { agentConfigOf } from './agent-config-of.ts'

interface MachineFile {
  readonly path: string
  readonly content: string
  readonly mode: '0600' | '0644' | '0755'
}

const CONFIG_DIR = '/etc/copr-builder'
const SCRIPT_DIR = '/usr/local/libexec/copr-builder'
const UNIT_DIR = '/etc/systemd/system'
const GATEWAY_CA = `${CONFIG_DIR}/gateway-ca.pem`
const PLACE = {
  enroll_token_file: `${CONFIG_DIR}/enroll-token`,
  scratch_dir: '/var/lib/copr-builder',
  state_dir: '/run/copr-builder',
  at_end: 'power_off',
} as const
const SCRIPTS = ['install.sh', 'dead-man.sh'] as const
const UNITS = [
  'copr-builder-install.service',
  'copr-builder.service',
  'copr-dead-man.service',
  'copr-dead-man.timer',
] as const

/** Options that differ between clouds. */
export interface MachineOptions {
  /** Whether to watch for EC2's notice that a spot instance will be interrupted. */
  interruption_notice?: 'ec2'
}

/** Returns the files with which a machine becomes a builder, regardless of how they are copied to it. */
export function machineFiles(boot: BootConfig, options: MachineOptions = {}): MachineFile[] {
  const more = options.interruption_notice === 'ec2'
  return [
    secret('agent.json', `${JSON.stringify(agentConfigOf(boot, PLACE))}\n`),
    secret('enroll-token', `${boot.enroll_token}\n`),
    secret('boot.env', bootEnv(boot)),
    ...authority(boot),
    ...fixedFiles([...SCRIPTS, ...(more ? ['interruption.sh'] : [])]),
    ...fixedFiles([...UNITS, ...(more ? ['copr-interruption.service'] : [])]),
  ]
}

/** The data needed to download the agent. */
export type InstallConfig = Pick<BootConfig, 'gateway_url' | 'trusted_ca' | 'agent'>

/** Returns the files that install a builder into an image, without those that are specific to a machine. */
export function bakeFiles(facts: InstallConfig): MachineFile[] {
  return [
    secret('boot.env', installEnv(facts)),
    ...authority(facts),
    ...fixedFiles(['install.sh', 'bake.sh']),
  ]
}

/** Returns the units that a machine starts at boot. */
export function unitsToStart(options: MachineOptions = {}): string[] {
  const more = options.interruption_notice === 'ec2' ? ['copr-interruption.service'] : []
  return ['copr-dead-man.timer', ...more, 'copr-builder.service']
}

/** Returns the file with the gateway's CA, which the machine trusts for the gateway only. */
function authority({ trusted_ca }: InstallConfig): MachineFile[] {
  return trusted_ca === undefined ? [] : [{ path: GATEWAY_CA, content: trusted_ca, mode: '0644' }]
}

function secret(name: string, content: string): MachineFile {
  return { path: `${CONFIG_DIR}/${name}`, content, mode: '0600' }
}

function fixedFiles(names: string[]): MachineFile[] {
  return names.map((name) => {
    const content = readFileSync(new URL(`machine/${name}`, import.meta.url), 'utf8')
    return name.endsWith('.sh')
      ? { path: `${SCRIPT_DIR}/${name}`, content, mode: '0755' }
      : { path: `${UNIT_DIR}/${name}`, content, mode: '0644' }
  })
}

/** Returns an environment file for shells, so every value is quoted. */
function bootEnv(boot: BootConfig): string {
  const { dead_man } = boot
  return `${installEnv(boot)}${asShell({
    ENROLL_SECONDS: String(Math.ceil(dead_man.enroll_seconds)),
    SILENCE_SECONDS: String(Math.ceil(dead_man.silence_seconds)),
    LIFETIME_SECONDS: String(Math.ceil(dead_man.lifetime_seconds)),
  })}`
}

function installEnv({ gateway_url, trusted_ca, agent }: InstallConfig): string {
  const values: Record<string, string> = {
    GATEWAY_URL: withoutSlashes(gateway_url),
    AGENT_SHA256: agent.sha256,
  }
  if (trusted_ca !== undefined) values['GATEWAY_CA'] = GATEWAY_CA
  for (const [arch, digest] of Object.entries(agent.node_sha256))
    values[`NODE_SHA256_${arch}`] = digest
  return asShell(values)
}

function asShell(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${quote(value)}\n`)
    .join('')
}

/** Quotes a text as one word of a shell command. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
