import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DISTRO_VERSION } from '../../packages/demo-distro/src/chroot.ts'
import { run, runOrThrow } from '../../packages/process/src/run.ts'

/** An install root for built packages. */
export interface InstallRoot extends AsyncDisposable {
  /** Installs packages by name, using dnf, in one transaction. */
  install(names: string[]): Promise<void>
  /** Returns what `rpm -V` prints for these packages; empty if their files are unchanged since installation. */
  verify(names: string[]): Promise<string[]>
  /** Runs a command in the root's shell. Returns the lines that it prints, followed by its exit code if that is not 0. */
  shell(command: string): Promise<string[]>
  /** Erases packages with dnf; returns the names of all those that rpm still lists. */
  erase(names: string[]): Promise<string[]>
}

/** Creates an install root that uses these repositories, each of which is a folder with repodata. */
export async function installRoot(repositories: string[]): Promise<InstallRoot> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-corpus-root-'))
  const root = join(dir, 'root')
  // Scriptlets need these folders before any package creates them.
  await mkdir(join(root, 'dev'), { recursive: true })
  await mkdir(join(root, 'proc'))
  await runOrThrow('mknod', ['-m', '666', join(root, 'dev/null'), 'c', '1', '3'])
  await writeFile(join(dir, '.rpmmacros'), '%_dbpath /var/lib/rpm\n')
  const options = [
    '--noplugins',
    '--assumeyes',
    `--installroot=${root}`,
    `--releasever=${DISTRO_VERSION}`,
    '--nogpgcheck',
    '--setopt=reposdir=/dev/null',
    '--setopt=install_weak_deps=0',
    '--setopt=keepcache=0',
    `--setopt=cachedir=${dir}/cache`,
    `--setopt=logdir=${dir}`,
    ...repositories.map((path, index) => `--repofrompath=corpus-${index},file://${path}`),
  ]
  const namespace = [
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--net',
    `--mount-proc=${root}/proc`,
  ]
  const inNamespace = async (command: string[]) =>
    await run('unshare', [...namespace, ...command], { env: { HOME: dir } })
  const dnf = async (args: string[]): Promise<void> => {
    const { ok, output } = await inNamespace(['dnf', ...options, ...args])
    // dnf reports failed scriptlets only as warnings.
    if (!ok || /scriptlet failed|Error in /.test(output))
      throw new Error(`dnf ${args.join(' ')} failed:\n${output}`)
  }
  const shell = async (command: string): Promise<string[]> => {
    const clean = ['env', '-i', 'PATH=/usr/bin:/usr/sbin', 'HOME=/root', 'LC_ALL=C']
    const outcome = await inNamespace(['chroot', root, ...clean, 'bash', '-c', command])
    const lines = outcome.output
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
    return outcome.ok ? lines : [...lines, `exit code ${outcome.exit_code}`]
  }
  // The rpm of this machine is used: the root contains rpm only if a package requires it, and dnf has created the database with this
  // machine's library.
  const rpm = async (args: string[]): Promise<string[]> => {
    const { output } = await run('rpm', [`--root=${root}`, '--dbpath=/var/lib/rpm', ...args])
    return output.split('\n').filter((line) => line !== '')
  }
  return {
    install: async (names) => await dnf(['install', ...names]),
    erase: async (names) => {
      // Dependencies stay installed, because scriptlets may run their programs.
      await dnf(['--setopt=clean_requirements_on_remove=0', 'remove', ...names])
      const installed = new Set(await rpm(['-qa', '--qf', '%{NAME}\\n']))
      return names.filter((name) => installed.has(name))
    },
    verify: async (names) => await rpm(['-V', ...names]),
    shell,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}
