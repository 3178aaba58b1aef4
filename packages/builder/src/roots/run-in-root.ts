import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeTree } from '../remove-tree.ts'
import { chrootParts } from '../repositories/repository.ts'
import type { SandboxLimits } from '../sandbox/limits.ts'
import { runSandboxed, type SandboxExit, type SandboxOptions } from '../sandbox/sandbox.ts'
import { HOME } from './build-folders.ts'
import type { BuildRoot } from './build-root.ts'

export interface RootRun {
  /** The name of the chroot. */
  chroot: string
  /** The directory of the build, in which makeBuildFolders() has made the folders that the build's sandboxes share. */
  dir: string
  root: Pick<BuildRoot, 'layers'>
  limits: SandboxLimits
  cwd?: string
  /** Default: `build`, the unprivileged user. */
  as?: 'build' | 'root'
  /** Environment variables in addition to those of every build. */
  env?: Record<string, string>
  network: NonNullable<SandboxOptions['network']>
  /** Directories to bind in addition to those of every build. */
  binds?: NonNullable<SandboxOptions['binds']>
  onOutput: (chunk: Buffer) => void
  signal: AbortSignal
}

const ENV = {
  HOME,
  USER: 'mockbuild',
  LOGNAME: 'mockbuild',
  SHELL: '/bin/sh',
  LANG: 'C.UTF-8',
  TERM: 'vt100',
  HOSTNAME: 'builder',
  PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
}

/** Runs a command in a buildroot. Changes outside of the shared folders are lost. */
export async function runInRoot(command: string[], options: RootRun): Promise<SandboxExit> {
  const { chroot, dir, root, limits, as = 'build', cwd = HOME, env, network, signal } = options
  const { binds = [] } = options
  const changes = join(dir, 'changes')
  await removeTree(changes)
  await mkdir(changes)
  const exit = await runSandboxed({
    arch: chrootParts(chroot).arch,
    limits,
    root: { layers: root.layers, changes },
    as,
    command,
    cwd,
    env: { ...ENV, ...env },
    network,
    binds: [
      { from: join(dir, 'builddir'), to: HOME, changes: 'kept' },
      { from: join(dir, 'tmp'), to: '/tmp', changes: 'kept' },
      { from: join(dir, 'var-tmp'), to: '/var/tmp', changes: 'kept' },
      ...binds,
    ],
    onOutput: options.onOutput,
    signal,
  })
  await removeTree(changes)
  return exit
}
