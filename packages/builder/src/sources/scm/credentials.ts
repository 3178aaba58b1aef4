import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceCredentials, SourceTask } from '@copr/contract/builder-protocol'
import { withoutCredentials } from '../download-from-user.ts'

/** A directory of the buildroot that exists only while a repository is cloned, so that no program of the repository can read it. */
export const CLONE_DIR = '/etc/copr-clone'

const HELPER = readFileSync(new URL('credential-helper.sh', import.meta.url), 'utf8')
/** Names the helper; git reads this file as `$XDG_CONFIG_HOME/git/config`. */
const GIT_CONFIG = `[credential]
\thelper = ${CLONE_DIR}/git-helper
\tuseHttpPath = true
`
/** Shorter passwords occur in logs by chance. */
const MIN_HIDDEN_LENGTH = 4

type CredentialTask = Pick<SourceTask, 'credentials' | 'source'>

/** Returns a URL without the user name and the password that it may contain. */
export function withoutUserInfo(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1')
}

/**
 * Returns the credentials for cloning, in the order in which they are tried: first those in the URL itself, which apply to its whole
 * server, then those of the task, the longest prefix first.
 */
export function cloneCredentials(
  { credentials = [] }: Pick<SourceTask, 'credentials'>,
  clone_url: string,
): SourceCredentials[] {
  const own = ownCredentials(clone_url)
  const others = credentials.toSorted((a, b) => b.url.length - a.url.length)
  return own ? [own, ...others] : others
}

/**
 * Returns the prefix as `scheme://host/path`, without a slash at the end and percent-decoded, like the fields that git passes to a
 * credential helper.
 */
export function prefixOf({ url }: SourceCredentials): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${decoded(pathname)}`.replace(/\/+$/, '')
}

/** Writes git's configuration and the credentials to a folder, which becomes {@link CLONE_DIR} in the buildroot. */
export async function writeGitCredentials(
  folder: string,
  credentials: SourceCredentials[],
): Promise<void> {
  const lines = credentials.flatMap((one) => [prefixOf(one), one.username, one.password])
  await mkdir(join(folder, 'git'))
  await writeFile(join(folder, 'git', 'config'), GIT_CONFIG)
  await writeFile(join(folder, 'git-helper'), HELPER, { mode: 0o755 })
  await writeFile(join(folder, 'credentials'), lines.map((line) => `${line}\n`).join(''))
}

/** Returns a function that removes secrets from text: those of the task, and the user names and passwords in all URLs. */
export function secretHider(task: CredentialTask): (text: string) => string {
  const secrets = secretsOf(task)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .filter((secret) => secret.length >= MIN_HIDDEN_LENGTH)
    .toSorted((a, b) => b.length - a.length)
  return (text) =>
    secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '***'), withoutCredentials(text))
}

function secretsOf({ credentials = [], source }: CredentialTask): string[] {
  const url = 'settings' in source ? source.settings['clone_url'] : undefined
  const own = typeof url === 'string' ? ownCredentials(url) : undefined
  // A user name without a password is usually a token.
  const ofUrl = own ? [own.password === '' ? own.username : own.password] : []
  return [...credentials.map(({ password }) => password), ...ofUrl]
}

function ownCredentials(clone_url: string): SourceCredentials | undefined {
  const url = URL.parse(clone_url)
  if (!url || (url.username === '' && url.password === '')) return undefined
  const [username, password] = [decoded(url.username), decoded(url.password)]
  if (/\p{Cc}/u.test(username + password)) return undefined
  return { url: `${url.protocol}//${url.host}`, username, password }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
