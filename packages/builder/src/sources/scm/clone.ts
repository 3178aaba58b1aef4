import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ScmSettings } from '@copr/contract/made-sources'
import { BuildFailure } from '../../build-failure.ts'
import type { SandboxExit } from '../../sandbox/sandbox.ts'
import { withoutCredentials } from '../download-from-user.ts'
import { type SourceWork, WORKDIR } from '../make-srpm.ts'
import { networkFault } from '../network-fault.ts'

const CLONE = readFileSync(new URL('clone.sh', import.meta.url), 'utf8')

/** The environment of git in the root: no password prompts, only HTTP(S) and git URLs, and a time limit for stalled transfers. */
export const GIT_ENV = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'false',
  GIT_ALLOW_PROTOCOL: 'http:https:git',
  GIT_HTTP_LOW_SPEED_LIMIT: '1',
  GIT_HTTP_LOW_SPEED_TIME: '60',
}

const PROTOCOLS = { git: ['http:', 'https:', 'git:'], svn: ['http:', 'https:', 'svn:'] }
const ATTEMPTS = 3
const SETTINGS = { category: 'prep', hint: 'Correct the source of the package.' } as const
const NETWORK = {
  category: 'network',
  hint: 'Clone the URL yourself, without a password: builders reach public addresses only.',
} as const
/** Messages of faults that may be temporary. */
const TRANSIENT =
  /returned error: 5\d\d|HTTP 5\d\d|RPC failed|early EOF|hung up|timed out|Connection reset|too slow/

/** Throws a BuildFailure unless the settings are safe to pass to programs as arguments. */
export function checkScmSettings(settings: ScmSettings): void {
  const { type, clone_url, committish, subdirectory, spec } = settings
  const url = /\s/.test(clone_url) ? null : URL.parse(clone_url)
  if (!url || !PROTOCOLS[type].includes(url.protocol) || url.hostname.startsWith('-'))
    throw new BuildFailure(
      `Cannot clone ${withoutCredentials(clone_url)}: use a URL that begins with ${PROTOCOLS[type].join('//, ')}//`,
      SETTINGS,
    )
  if (/^-|[\s~^:?*[\\]|\.\./.test(committish))
    throw new BuildFailure(
      `Cannot check out ${JSON.stringify(committish)}: it is not a branch, tag or commit`,
      SETTINGS,
    )
  for (const [name, path] of Object.entries({ subdirectory, spec }))
    if (path.startsWith('-') || path.split('/').includes('..') || /\p{Cc}/u.test(path))
      throw new BuildFailure(
        `Cannot use the ${name} ${JSON.stringify(path)}: it is not a path in the repository`,
        SETTINGS,
      )
}

/** Clones the repository as the unprivileged user; returns the path of its top in the root. */
export async function cloneGit(work: SourceWork, settings: ScmSettings): Promise<string> {
  const { clone_url, committish } = settings
  const shown = withoutCredentials(clone_url)
  const plain = clone_url.replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1')
  const top = `${WORKDIR}/${nameOf(clone_url)}`
  const command = ['/bin/sh', '-c', CLONE, 'sh', clone_url, plain, top, committish]
  const { signal, log, rules } = work.build
  for (let attempt = 1; ; attempt++) {
    const exit = await work.run(command, {
      network: 'public',
      shown: `Cloning ${shown}${committish === '' ? '' : ` at ${committish}`}`,
      env: GIT_ENV,
    })
    if (exit.code === 0) return top
    if (attempt === ATTEMPTS || exit.exhausted || !TRANSIENT.test(exit.output))
      throw await cloneFailure(exit, { shown, committish, rules })
    log.line('Trying again')
    await sleep(1000 * attempt, undefined, { signal })
  }
}

/** Returns the name of the repository's directory: the last part of the URL without its suffix. */
function nameOf(url: string): string {
  const name = (URL.parse(url)?.pathname ?? '').replace(/\/+$/, '').split('/').at(-1) ?? ''
  const plain = name.replace(/\.[^.]*$/, '').replaceAll(/[^A-Za-z0-9._+-]/g, '_')
  return /^[A-Za-z0-9_]/.test(plain) ? plain : 'repository'
}

async function cloneFailure(
  { code, output, exhausted }: SandboxExit,
  {
    shown,
    committish,
    rules,
  }: { shown: string; committish: string; rules: SourceWork['build']['rules'] },
): Promise<BuildFailure> {
  if (exhausted)
    return new BuildFailure(`cannot clone ${shown} because ${exhausted}`, { exhausted })
  if (code === 83)
    return new BuildFailure(
      `${shown} has no commits: it is empty, or not a git repository`,
      SETTINGS,
    )
  const fault = await networkFault(output, rules)
  if (code === 81 && fault === undefined)
    return new BuildFailure(
      `the repository ${shown} has no branch, tag or commit ${JSON.stringify(committish)}`,
      SETTINGS,
    )
  const cause = fault ?? gitFault(output)
  if (code !== 82) return new BuildFailure(`cannot clone ${shown}: ${cause}`, NETWORK)
  const [, url, path] = /clone of '(.*)' into submodule path '(.*)' failed/.exec(output) ?? []
  const name = path?.slice(path.indexOf('/', WORKDIR.length + 1) + 1)
  const submodule = url === undefined ? 'a submodule' : `the submodule ${name} from ${url}`
  return new BuildFailure(`cannot clone ${submodule}: ${cause}`, NETWORK)
}

const GIT_WORDS: [RegExp, string][] = [
  [
    /could not read Username|Authentication failed/,
    'it is not public: the server asks for a password',
  ],
  [/transport '(\S+)' not allowed/, '$1 URLs are not allowed'],
  [/repository '.*' not found/, 'there is no repository at this URL'],
  [
    /is this a git repository\?|does not appear to be a git repository/,
    'there is no git repository at this URL',
  ],
]

function gitFault(output: string): string {
  for (const [pattern, words] of GIT_WORDS) {
    const match = pattern.exec(output)
    if (match) return words.replace('$1', match[1] ?? '')
  }
  const last = [...output.matchAll(/^(?:fatal|error): (.*)$/gm)].at(-1)?.[1]
  return (last ?? output.trim().split('\n').at(-1) ?? 'git failed').slice(0, 300)
}
