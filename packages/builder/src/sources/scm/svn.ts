import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceCredentials } from '@copr/contract/builder-protocol'
import { guardedFetch } from '@copr/process/guarded/guarded-fetch'
import { BuildFailure } from '../../build-failure.ts'
import type { SourceWork } from '../make-srpm.ts'
import { SETTINGS } from './check-settings.ts'
import { clone, type Cloner, NETWORK, type RepositoryAt, wordsFor } from './clone.ts'
import { CLONE_DIR, prefixOf } from './credentials.ts'

const CHECK_OUT = readFileSync(new URL('svn.sh', import.meta.url), 'utf8')
/** Ends stalled transfers over HTTP. */
const SERVERS = '[global]\nhttp-timeout = 60\n'
/** Seconds in which a server must say whether it wants a password. */
const REALM_SECONDS = 30

/** Checks out a Subversion repository with its externals; returns the path of its top in the root. */
export async function checkOutSvn(work: SourceWork, repository: RepositoryAt): Promise<string> {
  const revision = repository.committish.replace(/^r/, '') || 'HEAD'
  const { rules, signal } = work.build
  return await clone(work, repository, {
    ...SVN,
    script: ({ url, top }) => [CHECK_OUT, 'sh', url, top, revision, `${CLONE_DIR}/svn`],
    async prepare(folder, credentials, url) {
      const dir = join(folder, 'svn')
      // If these files were missing, svn would write its own.
      for (const name of ['config', 'README.txt']) await writeEmpty(join(dir, name))
      await writeFile(join(dir, 'servers'), SERVERS)
      const matching = credentials.find((one) => isBelow(url, prefixOf(one)))
      if (!matching) return
      const realm = await readRealm(url, { rules, signal })
      if (realm !== undefined) await writeSvnCredentials(dir, realm, matching)
    },
  })
}

const SVN: Omit<Cloner, 'script' | 'prepare'> = {
  // The URL of an external may have any scheme; for svn+ssh, svn would run ssh.
  env: { SVN_SSH: 'false' },
  transient: /timed out|Connection reset|E120108|E175012|returned error: 5\d\d/,
  failureOf({ code, output }, { shown, fault }) {
    const missing = wordsFor(output, [[/No such revision (\d+)/, '$1']])
    if (missing !== undefined)
      return new BuildFailure(`the repository ${shown} has no revision ${missing}`, SETTINGS)
    if (code !== 82)
      return new BuildFailure(`cannot clone ${shown}: ${fault ?? svnFault(output)}`, NETWORK)
    const path = wordsFor(output, [[/externals definition for '(.*)'/, '$1']])
    const url = wordsFor(output, [[/W170013: .* at URL '(.*)'/, '$1']])
    const scheme = /^(?!https?:|svn:)([\w+]+):/.exec(url ?? '')?.[1]
    const cause =
      scheme === undefined ? (fault ?? svnFault(output)) : `${scheme} URLs are not allowed`
    const from = url === undefined ? '' : ` from ${url}`
    return new BuildFailure(`cannot clone the external ${path}${from}: ${cause}`, NETWORK)
  },
}

const SVN_WORDS: [RegExp, string][] = [
  [
    /E170001|E215004|E170013: .*[Aa]uthenticat/,
    'the server asks for a password, or refuses the one that it was sent',
  ],
  [
    /E160013|E170000|E210005|E200009|path not found|Not Found/,
    'there is no Subversion repository at this URL',
  ],
  [/E175003|E175009|E160043|E175002|E170002/, 'there is no Subversion repository at this URL'],
]

function svnFault(output: string): string {
  const last = [...output.matchAll(/^svn: (?:E\d+: )?(.*)$/gm)].at(-1)?.[1]
  return (wordsFor(output, SVN_WORDS) ?? last ?? 'svn failed').slice(0, 300)
}

async function writeEmpty(path: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, '')
}

function isBelow(url: string, prefix: string): boolean {
  const segments = url.slice(prefix.length)
  return url.startsWith(prefix) && (segments === '' || segments.startsWith('/'))
}

/**
 * Returns the realm for which a server wants a password, in svn's notation, which includes the address: svn sends a stored password for
 * exactly this realm. Returns undefined if the server wants none; a redirect is not followed.
 */
async function readRealm(
  url: string,
  { rules, signal }: Pick<SourceWork['build'], 'rules' | 'signal'>,
): Promise<string | undefined> {
  const options = { rules, signal, connect_seconds: REALM_SECONDS, max_redirects: 0 }
  const response = await guardedFetch(url, options).catch(() => undefined)
  signal.throwIfAborted()
  await response?.body?.cancel()
  if (response?.status !== 401) return undefined
  const [, quoted = ''] =
    /realm="((?:[^"\\]|\\.)*)"/i.exec(response.headers.get('www-authenticate') ?? '') ?? []
  const { protocol, hostname, port } = new URL(url)
  const usual = protocol === 'https:' ? '443' : '80'
  return `<${protocol}//${hostname}:${port || usual}> ${quoted}`
}

/** Stores a password in the format of svn's password cache. */
async function writeSvnCredentials(
  dir: string,
  realm: string,
  { username, password }: SourceCredentials,
): Promise<void> {
  const entries = { passtype: 'simple', password, 'svn:realmstring': realm, username }
  const fields = Object.entries(entries).map(
    ([key, value]) =>
      `K ${Buffer.byteLength(key)}\n${key}\nV ${Buffer.byteLength(value)}\n${value}\n`,
  )
  const folder = join(dir, 'auth', 'svn.simple')
  await mkdir(folder, { recursive: true })
  const name = createHash('md5').update(realm).digest('hex')
  await writeFile(join(folder, name), `${fields.join('')}END\n`)
}
