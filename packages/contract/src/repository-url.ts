import { withoutSlashes } from './without-slashes.ts'

const DEFAULT_PORTS: Record<string, string> = {
  'ssh:': '22',
  'git+ssh:': '22',
  'git:': '9418',
  'http:': '80',
  'https:': '443',
}
/** The short form of git's SSH URLs, `git@host:path`; does not match paths with a drive letter or URLs with a scheme. */
const SHORT_SSH = /^(?:[^\s@/:]+@)?([^\s@/:]{2,}|\[[^\]\s]+\]):(?!\/\/)\/*(.+)$/

interface RepositoryUrl {
  /** In lower case, without the port. */
  host: string
  /** Empty for the default port of the scheme. */
  port: string
  /** Without leading and trailing slashes, and without `.git`. */
  path: string
}

/** Parses the URL of a git repository in any of git's forms; returns undefined for other text. */
function parseRepositoryUrl(text: string): RepositoryUrl | undefined {
  const plain = text.trim()
  if (!plain.includes('://')) {
    const [, host = '', path = ''] = SHORT_SSH.exec(plain) ?? []
    return host === '' ? undefined : { host: host.toLowerCase(), port: '', path: pathOf(path) }
  }
  const url = URL.parse(plain)
  if (!url || url.hostname === '') return undefined
  const port = url.port === DEFAULT_PORTS[url.protocol] ? '' : url.port
  return { host: url.hostname.toLowerCase(), port, path: pathOf(url.pathname) }
}

/** Whether two URLs identify the same repository, as `https://host/a.git`, `ssh://git@host/a` and `git@host:a` do. */
export function isSameRepository(a: string, b: string): boolean {
  const [one, other] = [parseRepositoryUrl(a), parseRepositoryUrl(b)]
  if (!one || !other)
    return withoutSlashes(a.trim()) === withoutSlashes(b.trim()) && a.trim() !== ''
  return one.host === other.host && one.port === other.port && one.path === other.path
}

/**
 * Returns the path of a repository relative to the URL of its forge; undefined if the repository is elsewhere. Ports are ignored, because a
 * forge uses another port for SSH than for HTTP.
 */
export function pathOnForge(repository: string, forge_url: string): string | undefined {
  const [found, forge] = [parseRepositoryUrl(repository), parseRepositoryUrl(forge_url)]
  if (!found || !forge || found.host !== forge.host) return undefined
  if (forge.path === '') return found.path
  const isBelow = found.path.startsWith(`${forge.path}/`)
  // If the forge's URL has a path, SSH URLs do not contain that path and are not recognized.
  return isBelow ? found.path.slice(forge.path.length + 1) : undefined
}

function pathOf(path: string): string {
  let start = 0
  while (path[start] === '/') start++
  return withoutSlashes(path.slice(start)).replace(/\.git$/, '')
}
