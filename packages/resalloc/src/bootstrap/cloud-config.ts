import { gzipSync } from 'node:zlib'
import { stringify } from 'yaml'
import type { BootConfig } from '../providers/provider.ts'
import { type MachineOptions, machineFiles, unitsToStart } from './machine-files.ts'

/** Over the switch on the machine, which is there a minute after the boot: this one needs nothing but systemd. */
const EARLY_SWITCH_EXTRA_SECONDS = 120

/** The cloud-init configuration that makes a builder of a stock Fedora Cloud image or a prepared one. */
export function cloudConfig(boot: BootConfig, options: MachineOptions = {}): string {
  const early = Math.ceil(boot.dead_man.enroll_seconds) + EARLY_SWITCH_EXTRA_SECONDS
  const config = {
    // Before all else, so that a machine that never gets further ends, too.
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
    // Nobody logs in; `no-block`, because a unit that installs packages is no business of cloud-init's.
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

/** {@link cloudConfig} as clouds take it: packed, because some take 16 KB and not more. */
export function userData(boot: BootConfig, options: MachineOptions = {}): Buffer {
  return gzipSync(cloudConfig(boot, options), { level: 9 })
}
