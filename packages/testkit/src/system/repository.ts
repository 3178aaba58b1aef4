import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { run, runOrThrow } from '@copr/process/run'
import { textAt } from './api-client.ts'

export interface RepositoryContent {
  /** The revision in repomd.xml. */
  revision: string
  packages: { nevra: string; location: string; sha256: string }[]
}

/** Reads a repository as dnf does. Throws if any file or digest is invalid. */
export async function readRepository(baseUrl: string): Promise<RepositoryContent> {
  const base = baseUrl.replace(/\/*$/, '/')
  const repomd = await textAt(`${base}repodata/repomd.xml`)
  let packages: RepositoryContent['packages'] = []
  for (const [, type = '', body = ''] of repomd.matchAll(/<data type="([^"]+)">(.*?)<\/data>/gs)) {
    const href = /<location href="([^"]+)"/.exec(body)?.[1] ?? ''
    const checksum = /<checksum type="sha256">([0-9a-f]+)</.exec(body)?.[1]
    const content = await bytesAt(`${base}${href}`)
    if (sha256(content) !== checksum) throw new Error(`${base}${href} is not what repomd.xml says`)
    if (type === 'primary') packages = packagesOf(unpack(href, content))
  }
  return { revision: /<revision>([^<]*)</.exec(repomd)?.[1] ?? '', packages }
}

function packagesOf(primary: string): RepositoryContent['packages'] {
  const declared = Number(/<metadata[^>]* packages="(\d+)"/.exec(primary)?.[1])
  const packages = [...primary.matchAll(/<package type="rpm">(.*?)<\/package>/gs)].map(
    ([, body = '']) => {
      const name = /<name>([^<]+)</.exec(body)?.[1] ?? ''
      const arch = /<arch>([^<]+)</.exec(body)?.[1] ?? ''
      const [, ver = '', rel = ''] = /<version [^>]*ver="([^"]+)" rel="([^"]+)"/.exec(body) ?? []
      const checksum = /<checksum type="sha256"[^>]*>([0-9a-f]+)</.exec(body)?.[1] ?? ''
      const location = /<location href="([^"]+)"/.exec(body)?.[1] ?? ''
      return { nevra: `${name}-${ver}-${rel}.${arch}`, location, sha256: checksum }
    },
  )
  if (packages.length !== declared)
    throw new Error(`primary.xml says it has ${declared} packages, and has ${packages.length}`)
  return packages
}

function unpack(href: string, content: Buffer): string {
  if (href.endsWith('.gz')) return gunzipSync(content).toString()
  return (href.endsWith('.zst') ? zstdDecompressSync(content) : content).toString()
}

/** Downloads each package of a repository and compares its digest, to detect incomplete files. */
export async function checkPackages(
  baseUrl: string,
  { packages }: RepositoryContent,
): Promise<void> {
  for (const { location, sha256: expected } of packages) {
    const content = await bytesAt(`${baseUrl.replace(/\/*$/, '/')}${location}`)
    if (sha256(content) !== expected)
      throw new Error(`${location} is not what the repository says it is`)
  }
}

async function bytesAt(url: string): Promise<Buffer> {
  const response = await fetch(url, { headers: { 'accept-encoding': 'identity' } })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return Buffer.from(await response.arrayBuffer())
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Returns a function that verifies signatures of repomd.xml with gpg and accepts only a single key. */
async function repomdVerifier(
  pubkeyUrl: string,
): Promise<{ check(repomd: string, asc: string): Promise<void> } & Disposable> {
  const home = mkdtempSync(join(tmpdir(), 'copr-gpg-'))
  writeFileSync(join(home, 'pubkey.asc'), await textAt(pubkeyUrl))
  // Creates a keyring for gpgv, which is used for verifying because gpg would leave an agent running.
  await runOrThrow('gpg', [
    '--homedir',
    home,
    '--no-autostart',
    '--batch',
    '--yes',
    '--dearmor',
    '-o',
    join(home, 'key.gpg'),
    join(home, 'pubkey.asc'),
  ])
  return {
    async check(repomd, asc) {
      writeFileSync(join(home, 'repomd.xml'), repomd)
      writeFileSync(join(home, 'repomd.xml.asc'), asc)
      const files = [join(home, 'repomd.xml.asc'), join(home, 'repomd.xml')]
      const verdict = await run('gpgv', [
        '--homedir',
        home,
        '--keyring',
        join(home, 'key.gpg'),
        ...files,
      ])
      if (!verdict.ok) throw new Error(`The signature of repomd.xml is bad: ${verdict.output}`)
    },
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  }
}

export interface RepositoryWatch {
  /**
   * Stops watching; throws the first error that occurred. Returns the number of complete reads and the number of generations that were
   * seen.
   */
  end(): Promise<{ reads: number; generations: number }>
}

/** Reads a repository repeatedly, including its signatures, until `end()` is called. The repository must be valid at all times. */
export async function watchRepository(
  baseUrl: string,
  pubkeyUrl: string,
): Promise<RepositoryWatch> {
  const stop = new AbortController()
  const verifier = await repomdVerifier(pubkeyUrl)
  const generations = new Set<string>()
  let reads = 0
  const repomdUrl = `${baseUrl.replace(/\/*$/, '/')}repodata/repomd.xml`
  const readOnce = async (): Promise<void> => {
    const repomd = await textAt(repomdUrl)
    const asc = await textAt(`${repomdUrl}.asc`)
    // The requests may have seen two different generations; dnf also retries in this case.
    if (repomd !== (await textAt(repomdUrl))) return
    await verifier.check(repomd, asc)
    await readRepository(baseUrl)
    generations.add(repomd)
    reads += 1
  }
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await readOnce()
      await sleep(200, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  })()
  watching.catch(() => undefined) // reported by end()
  return {
    async end() {
      stop.abort()
      try {
        await watching
      } finally {
        verifier[Symbol.dispose]()
      }
      return { reads, generations: generations.size }
    },
  }
}
