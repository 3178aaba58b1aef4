import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, type RunOutcome } from '@copr/process/run'

export interface Dnf extends AsyncDisposable {
  root: string
  /** Runs dnf, which refuses packages and indexes that are not signed by the repository's key. */
  dnf(...args: string[]): Promise<RunOutcome>
  /** Runs a query; returns the lines that it prints, sorted. Throws if dnf fails. */
  query(...args: string[]): Promise<string[]>
}

/** Returns a dnf that knows only one repository and has its own installation root. */
export async function dnfFor(baseurl: string, gpgkey: string): Promise<Dnf> {
  const root = await mkdtemp(join(tmpdir(), 'copr-dnf-'))
  const repos = join(root, 'repos')
  for (const dir of [repos, join(root, 'log')]) await mkdir(dir)
  await writeFile(
    join(repos, 'test.repo'),
    `[test]
name=test
baseurl=${baseurl}
gpgcheck=1
repo_gpgcheck=1
gpgkey=${gpgkey}
metadata_expire=0
skip_if_unavailable=0
`,
  )
  const options = [
    '--assumeyes',
    '--quiet',
    // With metadata_expire=0 alone, dnf would accept metadata that is less than one second old, because it counts in whole seconds.
    '--refresh',
    `--installroot=${root}`,
    '--releasever=1',
    '--forcearch=x86_64',
    `--setopt=reposdir=${repos}`,
    `--setopt=cachedir=${root}/cache`,
    `--setopt=logdir=${root}/log`,
    `--setopt=persistdir=${root}/persist`,
    '--setopt=pluginpath=/nonexistent',
    '--setopt=keepcache=0',
    '--setopt=install_weak_deps=0',
  ]
  const dnf = (...args: string[]): Promise<RunOutcome> =>
    run('dnf', [...options, ...args], { env: { HOME: root }, timeout_ms: 60_000 })
  let imported: RunOutcome | undefined
  return {
    root,
    dnf,
    async query(...args) {
      // The first command also prints which key it imports, so that command is not the query.
      imported ??= await dnf('makecache')
      const outcome = imported.ok ? await dnf(...args) : imported
      if (!outcome.ok) throw new Error(outcome.output)
      return outcome.output.split('\n').filter(Boolean).toSorted()
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true, maxRetries: 5 }),
  }
}
