import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SourceCredentials } from '@copr/contract/builder-protocol'
import { BuildFailure } from '../../build-failure.ts'
import type { SandboxExit } from '../../sandbox/sandbox.ts'
import { withoutCredentials } from '../download-from-user.ts'
import { type SourceWork, WORKDIR } from '../make-srpm.ts'
import { networkFault } from '../network-fault.ts'
import { SETTINGS } from './check-settings.ts'
import { CLONE_DIR, cloneCredentials, withoutUserInfo } from './credentials.ts'

/** A repository and the commit or revision to clone; if the latter is empty, the repository's default is cloned. */
export interface RepositoryAt {
  clone_url: string
  committish: string
}

/** How one version control system clones. */
export interface Cloner {
  /** Arguments of a shell script: the script itself, then its arguments. */
  script: (clone: { url: string; top: string }) => string[]
  env: Record<string, string>
  /** Writes the files of {@link CLONE_DIR}, which exists only while the script runs. */
  prepare: (folder: string, credentials: SourceCredentials[], url: string) => Promise<void>
  /** Messages of faults that may be temporary. */
  transient: RegExp
  /** Returns the failure of the script. `fault` is the network failure that the output shows, if any. */
  failureOf: (
    exit: SandboxExit,
    clone: { shown: string; fault: string | undefined },
  ) => BuildFailure
}

/** The classification of failures that are caused by the repository or by the network. */
export const NETWORK = {
  category: 'network',
  hint: 'Clone the URL yourself, without a password: builders reach public addresses only.',
} as const

const ATTEMPTS = 3

/**
 * Clones a repository as the unprivileged user, with the credentials of the task and those in the URL; no later step can read them. Returns
 * the path of the clone's top directory in the buildroot.
 */
export async function clone(
  work: SourceWork,
  { clone_url, committish }: RepositoryAt,
  cloner: Cloner,
): Promise<string> {
  const { task, dir, signal, log, rules } = work.build
  const url = plainUrl(clone_url)
  const shown = withoutCredentials(clone_url)
  const top = `${WORKDIR}/${nameOf(clone_url)}`
  const folder = join(dir, 'clone')
  await mkdir(folder)
  try {
    await cloner.prepare(folder, cloneCredentials(task, clone_url), url)
    for (let attempt = 1; ; attempt++) {
      const exit = await work.run(['/bin/sh', '-c', ...cloner.script({ url, top })], {
        network: 'public',
        shown: `Cloning ${shown}${committish === '' ? '' : ` at ${committish}`}`,
        env: cloner.env,
        binds: [{ from: folder, to: CLONE_DIR, changes: 'forbidden' }],
      })
      if (exit.code === 0) return top
      if (attempt === ATTEMPTS || exit.exhausted || !cloner.transient.test(exit.output))
        throw await cloneFailure(exit, cloner, { shown, committish, rules })
      log.line('Trying again')
      await sleep(1000 * attempt, undefined, { signal })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function cloneFailure(
  exit: SandboxExit,
  { failureOf }: Cloner,
  {
    shown,
    committish,
    rules,
  }: { shown: string; committish: string } & Pick<SourceWork['build'], 'rules'>,
): Promise<BuildFailure> {
  const { exhausted, code, output } = exit
  if (exhausted)
    return new BuildFailure(`cannot clone ${shown} because ${exhausted}`, { exhausted })
  const fault = await networkFault(output, rules)
  if (code === 81 && fault === undefined)
    return new BuildFailure(
      `the repository ${shown} has no branch, tag or commit ${JSON.stringify(committish)}`,
      SETTINGS,
    )
  return failureOf(exit, { shown, fault })
}

/** Returns the URL without credentials, and with its scheme and host written as in the URLs of credentials. */
function plainUrl(clone_url: string): string {
  const plain = withoutUserInfo(clone_url)
  const url = URL.parse(plain)
  return url ? plain.replace(/^[a-z]+:\/\/[^/?#]*/i, `${url.protocol}//${url.host}`) : plain
}

/** Returns the name of the repository's directory: the last component of the URL, without its suffix. */
function nameOf(url: string): string {
  const name = (URL.parse(url)?.pathname ?? '').replace(/\/+$/, '').split('/').at(-1) ?? ''
  const plain = name.replace(/\.[^.]*$/, '').replaceAll(/[^A-Za-z0-9._+-]/g, '_')
  return /^[A-Za-z0-9_]/.test(plain) ? plain : 'repository'
}

/** Returns the message for the first pattern that matches the output, with `$1` replaced by the first group of the match. */
export function wordsFor(output: string, messages: [RegExp, string][]): string | undefined {
  for (const [pattern, words] of messages) {
    const match = pattern.exec(output)
    if (match) return words.replace('$1', () => match[1] ?? '')
  }
  return undefined
}
