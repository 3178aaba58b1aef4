import { createHash } from 'node:crypto'
import type { RepoConfig } from '@copr/contract/chroot-config'
import { messageOf } from '@copr/process/errors'
import { BuildFailure } from '../build-failure.ts'
import { clientTls, readUrl } from './read-url.ts'

/** A repository as it was when the build looked at it. */
export interface Repository {
  config: RepoConfig
  /** Without variables and without a slash at the end. */
  url: string
  repomd: string
  digest: string
  /** Chroot and project repositories are ours to keep up; those a user adds are not. */
  isOurs: boolean
}

const MAX_REPOMD_BYTES = 4 * 1024 * 1024

/** The parts of a chroot's name: `fedora-43-x86_64` → version `43`, architecture `x86_64`. */
export function chrootParts(name: string): { version: string; arch: string } {
  const [, version = '', arch = ''] = /-([^-]+)-([^-]+)$/.exec(name) ?? []
  return { version, arch }
}

/** Mirrors of a list that are tried before it counts as unreachable. */
const MIRRORS_TRIED = 5
const MAX_LIST_BYTES = 4 * 1024 * 1024

/** Reads the index of a repository. One that a user added and that is not there is the build's failure. */
export async function readRepository(
  config: RepoConfig,
  { chroot, isOurs, signal }: { chroot: string; isOurs: boolean; signal: AbortSignal },
): Promise<Repository> {
  const places = [config.metalink, config.mirrorlist, config.baseurl].filter(Boolean)
  try {
    const { url, bytes } = await readIndex(config, { chroot, signal })
    const digest = createHash('sha256').update(bytes).digest('hex')
    return { config, url, repomd: bytes.toString('utf8'), digest, isOurs }
  } catch (error) {
    signal.throwIfAborted()
    const url = expand(places[0] ?? '', chroot)
    const words = `Cannot read the repository ${config.name} (${url}): ${messageOf(error)}`
    throw isOurs ? new Error(words, { cause: error }) : new BuildFailure(words)
  }
}

async function readIndex(
  config: RepoConfig,
  { chroot, signal }: { chroot: string; signal: AbortSignal },
): Promise<{ url: string; bytes: Buffer }> {
  const { mirrors, digests } = await findMirrors(config, { chroot, signal })
  const tls = clientTls(config)
  let fault: unknown = new Error('the list of mirrors has no http or https address')
  for (const url of mirrors.slice(0, MIRRORS_TRIED)) {
    try {
      const address = `${url}/repodata/repomd.xml`
      const bytes = await readUrl(address, { max_bytes: MAX_REPOMD_BYTES, signal, tls })
      const digest = createHash('sha256').update(bytes).digest('hex')
      if (digests.length === 0 || digests.includes(digest)) return { url, bytes }
      fault = new Error(`${address} is not the index that the metalink names`)
    } catch (error) {
      signal.throwIfAborted()
      fault = error
    }
  }
  throw fault
}

/** The addresses of a repository, the best first, and what its index may be (any when none is named). */
async function findMirrors(
  config: RepoConfig,
  { chroot, signal }: { chroot: string; signal: AbortSignal },
): Promise<{ mirrors: string[]; digests: string[] }> {
  const { metalink, mirrorlist, baseurl } = config
  const read = async (url: string): Promise<string> =>
    (
      await readUrl(expand(url, chroot), {
        max_bytes: MAX_LIST_BYTES,
        signal,
        tls: clientTls(config),
      })
    ).toString('utf8')
  if (metalink) return parseMetalink(await read(metalink))
  if (mirrorlist) {
    const mirrors = parseMirrorlist(await read(mirrorlist))
    return { mirrors: mirrors.map((one) => withoutSlash(expand(one, chroot))), digests: [] }
  }
  return { mirrors: [withoutSlash(expand(baseurl, chroot))], digests: [] }
}

export function parseMetalink(xml: string): { mirrors: string[]; digests: string[] } {
  const urls = [...xml.matchAll(/<url\b([^>]*)>\s*([^<\s]+)\s*<\/url>/g)]
    .map(([, attributes = '', url = '']) => ({
      url: url.replaceAll('&amp;', '&'),
      preference: Number(/preference="(\d+)"/.exec(attributes)?.[1] ?? 0),
    }))
    .filter(({ url }) => /^https?:\/\/.*\/repodata\/repomd\.xml$/.test(url))
    .toSorted((a, b) => b.preference - a.preference)
  const digests = [...xml.matchAll(/<hash type="sha256">\s*([0-9a-f]{64})\s*<\/hash>/g)]
  return {
    mirrors: urls.map(({ url }) => url.replace(/\/+repodata\/repomd\.xml$/, '')),
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

const withoutSlash = (url: string): string => url.replace(/\/+$/, '')
