import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { RepoConfig } from '@copr/contract/chroot-config'
import { messageOf } from '@copr/process/errors'
import { BuildFailure } from '../build-failure.ts'

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
const ANSWER_MS = 60_000

/** The parts of a chroot's name: `fedora-43-x86_64` → version `43`, architecture `x86_64`. */
export function chrootParts(name: string): { version: string; arch: string } {
  const [, version = '', arch = ''] = /-([^-]+)-([^-]+)$/.exec(name) ?? []
  return { version, arch }
}

/** Reads the index of a repository. One that a user added and that is not there is the build's failure. */
export async function readRepository(
  config: RepoConfig,
  { chroot, isOurs, signal }: { chroot: string; isOurs: boolean; signal: AbortSignal },
): Promise<Repository> {
  const { version, arch } = chrootParts(chroot)
  const url = config.baseurl
    .replaceAll(
      /\$(releasever|basearch|arch)\b|\$\{(releasever|basearch|arch)\}/g,
      (_, a?: string, b?: string) => ((a ?? b) === 'releasever' ? version : arch),
    )
    .replace(/\/+$/, '')
  try {
    const bytes = await readUrl(`${url}/repodata/repomd.xml`, {
      max_bytes: MAX_REPOMD_BYTES,
      signal,
    })
    const digest = createHash('sha256').update(bytes).digest('hex')
    return { config, url, repomd: bytes.toString('utf8'), digest, isOurs }
  } catch (error) {
    signal.throwIfAborted()
    const words = `Cannot read the repository ${config.name} (${url}): ${messageOf(error)}`
    throw isOurs ? new Error(words, { cause: error }) : new BuildFailure(words)
  }
}

/** A small file by http, https or file. */
export async function readUrl(
  url: string,
  { max_bytes, signal }: { max_bytes: number; signal: AbortSignal },
): Promise<Buffer> {
  if (url.startsWith('file:')) return await readFile(fileURLToPath(url), { signal })
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  })
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > max_bytes) throw new Error(`${url} is longer than ${max_bytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
