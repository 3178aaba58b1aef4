import { gzipSync } from 'node:zlib'
import { stringify } from 'yaml'
import type { BootConfig } from '../providers/provider.ts'
import { type MachineOptions, machineFiles, unitsToStart } from './machine-files.ts'

/**
 * Seconds by which the early dead man's switch, which needs only systemd, fires later than the regular one, which is installed about
 * a minute after boot.
 */
const EARLY_SWITCH_EXTRA_SECONDS = 120

/** Returns the cloud-init configuration that turns a stock or prepared Fedora Cloud image into a builder. */
export function cloudConfig(boot: BootConfig, options: MachineOptions = {}): string {
  const early = Math.ceil(boot.dead_man.enroll_seconds) + EARLY_SWITCH_EXTRA_SECONDS
  const config = {
    // Runs before everything else, so that a machine on which a later step hangs powers off, too.
    bootcmd: [
      [
        'cloud-init-per',
        'instance',
        'copr-early-dead-man',
        'systemd-run',
        '--unit=copr-early-dead-man',
        `--on-boot=${early}`,
        'systemctl',
        'poweroff',
      ],
    ],
    write_files: machineFiles(boot, options).map(({ path, content, mode }) => ({
      path,
      content,
      permissions: mode,
      owner: 'root:root',
    })),
    // No logins. `no-block`, because cloud-init must not wait for a unit that installs packages.
    ssh_pwauth: false,
    runcmd: [
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'enable', ...unitsToStart(options)],
      ['systemctl', 'start', '--no-block', ...unitsToStart(options)],
      ['systemctl', 'stop', 'copr-early-dead-man.timer'],
    ],
  }
  return `#cloud-config\n${stringify(config, { lineWidth: 0 })}`
}

/** Returns {@link cloudConfig} as clouds accept it: compressed, because some accept at most 16 KB. */
export function userData(boot: BootConfig, options: MachineOptions = {}): Buffer {
  return gzipSync(cloudConfig(boot, options), { level: 9 })
}
