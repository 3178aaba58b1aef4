import type { ModuleToggle } from '@copr/contract/builder-protocol'

interface Levels {
  build?: { bootstrap: string; isolation: string }
  chroot: { bootstrap: string; bootstrap_image: string | null; isolation: string }
  project: { bootstrap: string; isolation: string }
}

/**
 * Returns the effective settings for mock's bootstrap and isolation: the build's settings override the chroot's, which override the
 * project's.
 */
export function mockRootSettings({ build, chroot, project }: Levels): {
  bootstrap: string
  bootstrap_image: string | null
  isolation: string
} {
  const bootstrap = firstSet(build?.bootstrap, chroot.bootstrap, project.bootstrap)
  return {
    bootstrap,
    bootstrap_image: bootstrap === 'custom_image' ? chroot.bootstrap_image : null,
    isolation: firstSet(build?.isolation, chroot.isolation, project.isolation),
  }
}

function firstSet(...settings: (string | undefined)[]): string {
  return settings.find((each) => each !== undefined && each !== 'unchanged') ?? 'default'
}

/** Returns the name of a build condition. Users may also write it as `--foo`, which rpm would reject as an unknown option. */
export function conditionName(option: string): string {
  return option.replace(/^--/, '')
}

/** Parses the modules of a chroot: `NAME:STREAM` enables a stream, `!NAME:STREAM` disables it. */
export function moduleToggles(modules: string[]): ModuleToggle[] {
  return modules.map((module) =>
    module.startsWith('!')
      ? { action: 'disable', module: module.slice(1) }
      : { action: 'enable', module },
  )
}
