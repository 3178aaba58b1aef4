import { chrootParts } from '../repositories/repository.ts'
import { runInRoot } from '../roots/run-in-root.ts'
import { conditionsOf, type RpmbuildOptions } from './rpmbuild.ts'

/** Larger than the declared Provides of any spec; packages get most of their Provides from their files when they are built. */
const MAX_OUTPUT_LENGTH = 256 * 1024

/**
 * Returns the Provides that the spec declares for its packages, as read by the rpm in the chroot: package names and explicit Provides.
 * Returns an empty list if rpm cannot read the spec, for example because its BuildRequires define macros that it needs.
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
