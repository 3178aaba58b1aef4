import { Command } from 'commander'
import { makeDistro } from '@copr/demo-distro/make-distro'
import { stopSignal } from '../stop-signal.ts'
import { showProgress } from '../up/progress.ts'

/** `coprctl distro` creates the mini distribution and nothing else. */
export function distroCommand(): Command {
  return new Command('distro')
    .summary('build the mini distribution')
    .description(
      'Makes an RPM repository from the Debian packages of this machine, for chroots on machines that cannot reach the mirrors of a distribution. Rebuilt only when the list or the packages change.',
    )
    .option('--dir <dir>', 'output directory', '.copr/distro')
    .option('--more-packages', 'add the packages that are too large for the first start', false)
    .action(async ({ dir, morePackages }: { dir: string; morePackages: boolean }) => {
      const progress = showProgress(process.stderr)
      const { repoDir } = await progress.step(
        'mini distribution',
        (step) =>
          makeDistro({
            dir,
            more: morePackages,
            signal: stopSignal(),
            onProgress: ({ step: phase, done, total }) =>
              step.detail(`${phase} ${done} of ${total}`),
          }),
        ({ packages, made }) => `${packages} packages${made ? ' made' : ', unchanged'}`,
      )
      process.stdout.write(`${repoDir}\n`)
    })
}
