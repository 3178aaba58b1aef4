import { createHash } from 'node:crypto'
import type { RepoConfig } from '@copr/contract/chroot-config'
import { withoutSlashes } from '@copr/contract/without-slashes'
import { messageOf } from '@copr/process/errors'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { BuildFailure } from '../build-failure.ts'
import { clientTls, readUrl } from './read-url.ts'

/** A repository, as it was when the build read its index. */
export interface Repository {
  config: RepoConfig
  /** The URL, with its variables expanded and without trailing slashes. */
  url: string
  repomd: string
  digest: string
  /** Whether the site maintains the repository, as it does those of chroots and projects. If false, a user added it. */
  isOurs: boolean
  /** Set for users' URLs; restricts all requests. */
  guard?: UrlGuard | undefined
}

/** Restricts where users' URLs may point. */
export interface UrlGuard {
  rules: AddressRules
  /** A proxy that enforces the rules for programs that fetch URLs themselves. */
  proxy_url: string
  /** The reasons, so far, why the proxy refused or could not reach a destination. */
  refused: string[]
}

interface ReadOptions {
  chroot: string
  isOurs: boolean
  guard?: UrlGuard | undefined
  signal: AbortSignal
}

const INDEX = '/repodata/repomd.xml'
const MAX_REPOMD_BYTES = 4 * 1024 * 1024

/** Splits a chroot's name: `fedora-43-x86_64` has the version `43` and the architecture `x86_64`. */
export function chrootParts(name: string): { version: string; arch: string } {
  const [, version = '', arch = ''] = /-([^-]+)-([^-]+)$/.exec(name) ?? []
  return { version, arch }
}

/** Number of mirrors that are tried before a repository counts as unreachable. */
const MIRRORS_TRIED = 5
const MAX_LIST_BYTES = 4 * 1024 * 1024

/** Reads the index of a repository. If that fails and a user added the repository, throws a BuildFailure. */
export async function readRepository(
  config: RepoConfig,
  { isOurs, guard, ...options }: ReadOptions,
): Promise<Repository> {
  const { chroot, signal } = options
  const places = [config.metalink, config.mirrorlist, config.baseurl].filter(Boolean)
  try {
    const { url, bytes } = await readIndex(config, { ...options, guard })
    const digest = createHash('sha256').update(bytes).digest('hex')
    return { config, url, repomd: bytes.toString('utf8'), digest, isOurs, guard }
  } catch (error) {
    signal.throwIfAborted()
    const url = expand(places[0] ?? '', chroot)
    const words = `Cannot read the repository ${config.name} (${url}): ${messageOf(error)}`
    throw isOurs
      ? new Error(words, { cause: error })
      : new BuildFailure(words, {
          category: 'network',
          hint: 'Correct the repositories of the project, or try again when the server works.',
        })
  }
}

async function readIndex(
  config: RepoConfig,
  options: Omit<ReadOptions, 'isOurs'>,
): Promise<{ url: string; bytes: Buffer }> {
  const { guard, signal } = options
  const { mirrors, digests } = await findMirrors(config, options)
  const access = { signal, tls: clientTls(config), rules: guard?.rules }
  let fault: unknown = new Error('the mirror list contains no http or https URL')
  for (const url of mirrors.slice(0, MIRRORS_TRIED)) {
    try {
      const address = `${url}${INDEX}`
      const bytes = await readUrl(address, { max_bytes: MAX_REPOMD_BYTES, ...access })
      const digest = createHash('sha256').update(bytes).digest('hex')
      if (digests.length === 0 || digests.includes(digest)) return { url, bytes }
      fault = new Error(`the digest of ${address} is not in the metalink`)
    } catch (error) {
      signal.throwIfAborted()
      fault = error
    }
  }
  throw fault
}

/**
 * Returns the mirrors of a repository, best first, and the digests that its index may have. If there are no digests, the index may have any
 * digest.
 */
async function findMirrors(
  config: RepoConfig,
  { chroot, guard, signal }: Omit<ReadOptions, 'isOurs'>,
): Promise<{ mirrors: string[]; digests: string[] }> {
  const { metalink, mirrorlist, baseurl } = config
  const read = async (url: string): Promise<string> =>
    (
      await readUrl(expand(url, chroot), {
        max_bytes: MAX_LIST_BYTES,
        signal,
        tls: clientTls(config),
        rules: guard?.rules,
      })
    ).toString('utf8')
  if (metalink) return parseMetalink(await read(metalink))
  if (mirrorlist) {
    const mirrors = parseMirrorlist(await read(mirrorlist))
    return { mirrors: mirrors.map((one) => withoutSlashes(expand(one, chroot))), digests: [] }
  }
  return { mirrors: [withoutSlashes(expand(baseurl, chroot))], digests: [] }
}

export function parseMetalink(xml: string): { mirrors: string[]; digests: string[] } {
  const urls = [...xml.matchAll(/<url\b([^>]*)>\s*([^<\s]+)\s*<\/url>/g)]
    .map(([, attributes = '', url = '']) => ({
      url: url.replaceAll('&amp;', '&'),
      preference: Number(/preference="(\d+)"/.exec(attributes)?.[1] ?? 0),
    }))
    .filter(({ url }) => /^https?:\/\//.test(url) && url.endsWith(INDEX))
    .toSorted((a, b) => b.preference - a.preference)
  const digests = [...xml.matchAll(/<hash type="sha256">\s*([0-9a-f]{64})\s*<\/hash>/g)]
  return {
    mirrors: urls.map(({ url }) => withoutSlashes(url.slice(0, -INDEX.length))),
    digests: digests.map(([, digest = '']) => digest),
  }
}

export function parseMirrorlist(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^https?:\/\//.test(line))
}

function expand(text: string, chroot: string): string {
  const { version, arch } = chrootParts(chroot)
  return text.replaceAll(
    /\$(releasever|basearch|arch)\b|\$\{(releasever|basearch|arch)\}/g,
    (_, a?: string, b?: string) => ((a ?? b) === 'releasever' ? version : arch),
  )
}
