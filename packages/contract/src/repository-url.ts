import { withoutSlashes } from './without-slashes.ts'

const DEFAULT_PORTS: Record<string, string> = {
  'ssh:': '22',
  'git+ssh:': '22',
  'git:': '9418',
  'http:': '80',
  'https:': '443',
}
/** The short form of git's SSH URLs, `git@host:path`; a drive letter or a path with a scheme is none. */
const SHORT_SSH = /^(?:[^\s@/:]+@)?([^\s@/:]{2,}|\[[^\]\s]+\]):(?!\/\/)\/*(.+)$/

interface RepositoryUrl {
  /** In lower case, without the port. */
  host: string
  /** Empty for the default port of the scheme. */
  port: string
  /** Without slashes at its ends, and without `.git`. */
  path: string
}

/** Splits the URL of a git repository in any of its forms; undefined for text that is not such a URL. */
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

/** Whether two URLs lead to the same repository; `https://host/a.git`, `ssh://git@host/a` and `git@host:a` do. */
export function isSameRepository(a: string, b: string): boolean {
  const [one, other] = [parseRepositoryUrl(a), parseRepositoryUrl(b)]
  if (!one || !other)
    return withoutSlashes(a.trim()) === withoutSlashes(b.trim()) && a.trim() !== ''
  return one.host === other.host && one.port === other.port && one.path === other.path
}

/** The path of a repository relative to a URL of its forge; undefined if it is elsewhere. The port does not count, as SSH has its own. */
export function pathOnForge(repository: string, forge_url: string): string | undefined {
  const [found, forge] = [parseRepositoryUrl(repository), parseRepositoryUrl(forge_url)]
  if (!found || !forge || found.host !== forge.host) return undefined
  if (forge.path === '') return found.path
  const isBelow = found.path.startsWith(`${forge.path}/`)
  // The forge's own folder is part of its web addresses, but not of those for SSH.
  return isBelow ? found.path.slice(forge.path.length + 1) : undefined
}

function pathOf(path: string): string {
  let start = 0
  while (path[start] === '/') start++
  return withoutSlashes(path.slice(start)).replace(/\.git$/, '')
}
