import { createHash } from 'node:crypto'
import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BUILD_UID, runSandboxed, type SandboxRoot } from '../sandbox/sandbox.ts'

/** Path at which dnf finds the package that requires the rich dependencies. */
export const RICH_PACKAGE = '/mnt/rich/requires.rpm'

/** Whether a dependency is rich, such as `(gcc or clang)`: dnf accepts these in a package, but not as an argument. */
export function isRich(dependency: string): boolean {
  return dependency.startsWith('(')
}

/** Makes an empty package that requires the dependencies, with the chroot's own rpmbuild; returns its directory. */
export async function makeRichPackage(
  dependencies: string[],
  { dir, root, signal }: { dir: string; root: SandboxRoot; signal: AbortSignal },
): Promise<string> {
  const home = join(dir, 'rich')
  const changes = join(dir, 'rich-changes')
  await mkdir(home, { recursive: true })
  await mkdir(changes, { recursive: true })
  await writeFile(join(home, 'requires.spec'), specOf(dependencies))
  await chown(home, BUILD_UID, BUILD_UID)
  const defines = [
    '--define',
    '_topdir /builddir',
    '--define',
    '_rpmdir /builddir',
    '--define',
    '_rpmfilename requires.rpm',
  ]
  const { code, output } = await runSandboxed({
    root: { layers: layersOf(root), changes },
    as: 'build',
    command: ['rpmbuild', '-bb', '--quiet', ...defines, '/builddir/requires.spec'],
    env: { HOME: '/builddir', LC_ALL: 'C.UTF-8' },
    binds: [{ from: home, to: '/builddir', changes: 'kept' }],
    signal,
  })
  await rm(changes, { recursive: true, force: true })
  if (code !== 0)
    throw new Error(
      `Cannot create a package with the dependencies ${dependencies.join(', ')}: ${output.slice(-500)}`,
    )
  return home
}

function layersOf(root: SandboxRoot): string[] {
  if ('directory' in root)
    throw new Error('Cannot install rich dependencies into an unfinished root')
  return root.layers
}

function specOf(dependencies: string[]): string {
  const id = createHash('sha256').update(dependencies.join('\n')).digest('hex').slice(0, 12)
  return [
    `Name: copr-build-requires-${id}`,
    'Version: 1',
    'Release: 1',
    'Summary: Requirements of a build',
    'License: none',
    'BuildArch: noarch',
    ...dependencies.map((one) => `Requires: ${one.replaceAll('%', '%%')}`),
    '%description',
    'Requirements of a build.',
    '%files',
    '',
  ].join('\n')
}
