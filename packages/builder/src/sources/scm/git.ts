import { readFileSync } from 'node:fs'
import { BuildFailure } from '../../build-failure.ts'
import { type SourceWork, WORKDIR } from '../make-srpm.ts'
import { SETTINGS } from './check-settings.ts'
import { clone, type Cloner, NETWORK, type RepositoryAt, wordsFor } from './clone.ts'
import { CLONE_DIR, writeGitCredentials } from './credentials.ts'

const CLONE = readFileSync(new URL('git.sh', import.meta.url), 'utf8')

/** The environment of git in the root: no password prompts, and a time limit for stalled transfers. */
export const GIT_ENV = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'false',
  GIT_HTTP_LOW_SPEED_LIMIT: '1',
  GIT_HTTP_LOW_SPEED_TIME: '60',
}

/** Clones a git repository with its submodules; returns the path of its top in the root. */
export async function cloneGit(work: SourceWork, repository: RepositoryAt): Promise<string> {
  return await clone(work, repository, {
    ...GIT,
    script: ({ url, top }) => [CLONE, 'sh', url, top, repository.committish],
  })
}

const GIT: Omit<Cloner, 'script'> = {
  // Programs of the repository may also clone from its own directory, as tito does; a repository must not choose other protocols.
  env: { ...GIT_ENV, GIT_ALLOW_PROTOCOL: 'http:https:git', XDG_CONFIG_HOME: CLONE_DIR },
  prepare: writeGitCredentials,
  transient:
    /returned error: 5\d\d|HTTP 5\d\d|RPC failed|early EOF|hung up|timed out|Connection reset|too slow/,
  failureOf({ code, output }, { shown, fault }) {
    if (code === 83)
      return new BuildFailure(
        `${shown} has no commits: it is empty, or not a git repository`,
        SETTINGS,
      )
    const cause = fault ?? gitFault(output)
    if (code !== 82) return new BuildFailure(`cannot clone ${shown}: ${cause}`, NETWORK)
    const [, url, path] = /clone of '(.*)' into submodule path '(.*)' failed/.exec(output) ?? []
    const name = path?.slice(path.indexOf('/', WORKDIR.length + 1) + 1)
    const submodule = url === undefined ? 'a submodule' : `the submodule ${name} from ${url}`
    return new BuildFailure(`cannot clone ${submodule}: ${cause}`, NETWORK)
  },
}

const GIT_WORDS: [RegExp, string][] = [
  [/Authentication failed/, 'the server refuses the user name and the password'],
  [
    /could not read (?:Username|Password)/,
    'it is not public, or does not exist: the server asks for a password',
  ],
  [/transport '(\S+)' not allowed/, '$1 URLs are not allowed'],
  [/repository '.*' not found/, 'there is no repository at this URL'],
  [
    /is this a git repository\?|does not appear to be a git repository/,
    'there is no git repository at this URL',
  ],
]

function gitFault(output: string): string {
  const last = [...output.matchAll(/^(?:fatal|error): (.*)$/gm)].at(-1)?.[1]
  return (
    wordsFor(output, GIT_WORDS) ??
    (last ?? output.trim().split('\n').at(-1) ?? 'git failed').slice(0, 300)
  )
}
