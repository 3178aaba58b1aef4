import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunOutcome, run, runOrThrow } from '@copr/process/run'
import { DISTRO_ARCH, DISTRO_RELEASE, DISTRO_VERSION } from '@copr/demo-distro/chroot'
import { textAt } from './api-client.ts'
import { CACHE_DIR, type System } from './start-system.ts'

/** A separate install root, into which dnf installs packages of a project as on a user's machine. */
export interface ScratchRoot extends Disposable {
  readonly dir: string
  /** Installs packages together with their dependencies. */
  install(...packages: string[]): Promise<void>
  /** Runs dnf with this project as its only repository; returns the outcome, even if it fails. */
  dnf(...args: string[]): Promise<RunOutcome>
  /** Runs an installed program. */
  run(...command: string[]): Promise<string>
  /** Lists the packages of the project's repository as `name-version-release.arch`. */
  available(): Promise<string[]>
}

/**
 * Creates an install root with a project's `.repo` file. The file must require dnf to check the signatures of both the packages and the
 * metadata.
 */
export async function scratchRoot(
  system: Pick<System, 'url' | 'api'>,
  project: string,
): Promise<ScratchRoot> {
  const { username } = system.api
  const dir = mkdtempSync(join(tmpdir(), 'copr-scratch-'))
  const repos = join(dir, 'repos')
  const onlyProject = join(dir, 'only-project')
  const root = join(dir, 'root')
  for (const folder of [repos, onlyProject, root]) mkdirSync(folder)
  const repoFile = await textAt(
    `${system.url}/coprs/${username}/${project}/repo/${DISTRO_RELEASE}/dnf.repo?arch=${DISTRO_ARCH}`,
  )
  for (const line of ['gpgcheck=1', 'repo_gpgcheck=1'])
    assert.ok(repoFile.split('\n').includes(line), `the .repo file lacks ${line}:\n${repoFile}`)
  // An unavailable repository must be an error here.
  const strict = repoFile.replace('skip_if_unavailable=True', 'skip_if_unavailable=False')
  for (const folder of [repos, onlyProject]) writeFileSync(join(folder, 'project.repo'), strict)
  writeFileSync(
    join(repos, 'base.repo'),
    `[base]\nname=Mini distribution\nbaseurl=file://${CACHE_DIR}/distro/repo\ngpgcheck=0\n`,
  )
  const options = (reposDir: string): string[] => [
    '-y',
    // dnf plugins on this machine have their own repositories and rules.
    '--noplugins',
    `--installroot=${root}`,
    `--releasever=${DISTRO_VERSION}`,
    `--setopt=reposdir=${reposDir}`,
    // Both sets of repositories use the same cache: it keeps repositories apart by their IDs, and what dnf stores about the root must be
    // the same for both.
    `--setopt=cachedir=${join(dir, 'cache')}`,
    '--setopt=install_weak_deps=False',
  ]
  const env = { HOME: '/nonexistent' }
  // dnf leaves a gpg-agent running; it is killed together with the PID namespace.
  const contained = ['--pid', '--fork', '--kill-child', '--mount-proc', 'dnf']
  const dnf = async (reposDir: string, args: string[]): Promise<RunOutcome> =>
    await run('unshare', [...contained, ...options(reposDir), ...args], { env })
  return {
    dir: root,
    install: async (...packages) => {
      const installed = await dnf(repos, ['--refresh', 'install', ...packages])
      assert.ok(installed.ok, installed.output)
    },
    dnf: async (...args) => await dnf(onlyProject, args),
    run: async (...command) =>
      await runOrThrow('chroot', [root, ...command], {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      }),
    available: async () => {
      const format = [
        'repoquery',
        '--quiet',
        '--refresh',
        '--qf',
        'nevra %{name}-%{version}-%{release}.%{arch}',
      ]
      const { output } = await dnf(onlyProject, format)
      return [...output.matchAll(/^nevra (.+)$/gm)].map((match) => match[1] ?? '').toSorted()
    },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** Returns the output of `rpmkeys -K` for a downloaded package, using a keyring that contains only the project's key. */
export async function rpmVerdict(pubkeyUrl: string, packageUrl: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-verdict-'))
  try {
    const file = join(dir, 'package.rpm')
    writeFileSync(join(dir, 'pubkey.gpg'), await textAt(pubkeyUrl))
    const response = await fetch(packageUrl)
    if (!response.ok) throw new Error(`${packageUrl} answered ${response.status}`)
    writeFileSync(file, Buffer.from(await response.arrayBuffer()))
    const dbpath = join(dir, 'rpmdb')
    mkdirSync(dbpath)
    await runOrThrow('rpmkeys', ['--dbpath', dbpath, '--import', join(dir, 'pubkey.gpg')])
    const verdict = await run('rpmkeys', ['--dbpath', dbpath, '-K', file])
    return verdict.output.replace(dir, '').trim()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
