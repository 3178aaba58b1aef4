import type { Build, EngineTask } from '../engine.ts'
import type { RootOptions } from './build-root.ts'

/** Returns the options for making a build's buildroots. */
export function rootOptions(build: Build<EngineTask>): RootOptions {
  const { task, dir, limits, cacheDir, log, signal, hold } = build
  return { dir, limits, cacheDir, chroot: task.chroot, log, signal, hold }
}
