import { chrootParts } from '../repositories/repository.ts'
import { runInRoot } from '../roots/run-in-root.ts'
import { conditionsOf, type RpmbuildOptions } from './rpmbuild.ts'

/** More than any spec declares; packages get most of their provides from their files, when they are built. */
const MAX_OUTPUT_LENGTH = 256 * 1024

/**
 * Returns what the spec declares that its packages will provide, as the root's rpm reads it: names, and explicit Provides. Returns an
 * empty list if rpm cannot read the spec: its BuildRequires may define macros that it needs.
 */
export async function declaredProvides(options: RpmbuildOptions): Promise<string[]> {
  const { task, spec } = options
  const { arch } = chrootParts(task.chroot.name)
  const query = ['rpmspec', '--query', '--builtrpms', '--provides', '--target', arch]
  const command = [...query, ...conditionsOf(task), `/builddir/build/SPECS/${spec}`]
  let output = ''
  const exit = await runInRoot(['/bin/sh', '-c', '"$@" 2>/dev/null', 'sh', ...command], {
    ...options,
    chroot: task.chroot.name,
    network: 'none',
    onOutput: (chunk) => {
      if (output.length < MAX_OUTPUT_LENGTH) output += chunk.toString('utf8')
    },
  })
  if (exit.code !== 0) return []
  const lines = output.slice(0, MAX_OUTPUT_LENGTH).split('\n')
  return [...new Set(lines.map((line) => line.trim()).filter((line) => line !== ''))]
}
