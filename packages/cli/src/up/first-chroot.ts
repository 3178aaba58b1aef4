import type { ChrootConfig } from '@copr/contract/chroot-config'
import { messageOf } from '@copr/process/errors'
import { debianChroot } from '@copr/demo-distro/chroot'
import { type HostDistribution, thisHost } from '@copr/demo-distro/host-distribution'
import { makeDistro } from '@copr/demo-distro/make-distro'
import { ownChroot } from '@copr/demo-distro/own-chroot'
import { isFullDisk } from './before-start.ts'
import type { Progress } from './progress.ts'

export interface FirstChrootOptions {
  /** The folder in which a mini distribution is created. */
  dir: string
  /** Whether a mini distribution also contains the packages that are too large for the first start. */
  more?: boolean
  progress: Progress
  stop: AbortSignal
}

/**
 * Creates the chroot that this machine can provide. If it cannot provide one, explains why and how to add one, and returns undefined: the
 * system is usable without a chroot. Does the same if the creation fails, and then also sets exit code 1. Throws if the disk is full.
 */
export async function firstChroot(
  options: FirstChrootOptions,
  host: HostDistribution = thisHost(),
): Promise<ChrootConfig | undefined> {
  const { progress, stop } = options
  if (host.kind === 'none') {
    sayHowToAdd(progress, host.reason)
    return undefined
  }
  try {
    if (host.kind === 'debian-like') return await miniDistribution(options)
    const { config } = await progress.step(
      `chroot ${host.chroot}`,
      () => ownChroot(host, stop),
      ({ config: { repos }, leftOut }) =>
        `this machine's repositories ${repos.map(({ id }) => id).join(', ')}${leftOut.length > 0 ? `; without ${leftOut.map(({ id }) => id).join(', ')}` : ''}`,
    )
    return config
  } catch (error) {
    stop.throwIfAborted()
    // With a full disk, the rest of the start would fail as well.
    if (isFullDisk(error)) throw error
    sayHowToAdd(progress, messageOf(error))
    process.exitCode = 1
    return undefined
  }
}

async function miniDistribution({
  dir,
  more = false,
  progress,
  stop,
}: FirstChrootOptions): Promise<ChrootConfig> {
  const { repoDir } = await progress.step(
    'mini distribution',
    (step) =>
      makeDistro({
        dir,
        more,
        signal: stop,
        onProgress: ({ step: phase, done, total }) =>
          step.detail(total > 0 ? `${phase} ${done} of ${total}` : phase),
      }),
    ({ packages, made, leftOut }) =>
      `${packages} packages${made ? ' made' : ', unchanged'}${leftOut.length > 0 ? `; unavailable: ${leftOut.join(', ')}` : ''}`,
  )
  return await debianChroot(`file://${repoDir}`)
}

function sayHowToAdd(progress: Progress, reason: string): void {
  progress.say(`\n  No chroot was created: ${reason}`)
  progress.say(
    '  The system starts without one. To build, add a chroot of any distribution whose mirror',
  )
  progress.say('  this machine reaches: npx coprctl chroot add FILE.yaml')
  progress.say('  docs/administration/commands.md shows such a file under "Chroot files".\n')
}
