import { gzipSync } from 'node:zlib'
import { stringify } from 'yaml'
import type { BootConfig } from '../providers/provider.ts'
import { type MachineOptions, machineFiles, unitsToStart } from './machine-files.ts'

/**
 * The early dead man's switch fires this many seconds later than the regular one, which is installed about a minute after boot. The early
 * one needs only systemd.
 */
const EARLY_SWITCH_EXTRA_SECONDS = 120

/** Returns the cloud-init configuration with which a plain or prepared Fedora Cloud image becomes a builder. */
export function cloudConfig(boot: BootConfig, options: MachineOptions = {}): string {
  const early = Math.ceil(boot.dead_man.enroll_seconds) + EARLY_SWITCH_EXTRA_SECONDS
  const config = {
    // bootcmd runs before everything else, so that a machine powers off even if a later step hangs.
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
    // Nobody can log in. The units start with `--no-block`, because cloud-init must not wait for a unit that installs packages.
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

/** Returns {@link cloudConfig} in the form that clouds accept. It is compressed, because some clouds accept at most 16 KB. */
export function userData(boot: BootConfig, options: MachineOptions = {}): Buffer {
  return gzipSync(cloudConfig(boot, options), { level: 9 })
}
