import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'
import { clientTls, readUrl } from './read-url.ts'
import type { Repository } from './repository.ts'

/** A package in a repository: the names that select it (its name, provides, obsoletes and files), and the digest of its file. */
export interface OfferedPackage {
  digest: string
  names: string[]
}

/** Larger package lists are not read, because that would take longer than running dnf. Instead, any change to such a repository counts. */
const MAX_PRIMARY_BYTES = 4 * 1024 * 1024
/** Name of the cache directory. The cache of earlier versions, `offers`, may contain unverified lists. */
const VERIFIED_OFFERS = 'verified-offers'
const MAX_OFFER_FILES = 400
const MAX_XML_BYTES = 64 * 1024 * 1024
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/**
 * Returns a digest of everything in a repository that can affect how the wanted names are resolved: the packages that provide, obsolete or
 * ship one of them. Other changes to the repository do not change the digest.
 */
export async function digestOfOffers(
  repository: Repository,
  names: ReadonlySet<string>,
  { cacheDir, signal }: { cacheDir: string; signal: AbortSignal },
): Promise<string> {
  const offers = await readOffers(repository, cacheDir, signal)
  if (!offers) return repository.digest
  const relevant = offers
    .filter((one) => one.names.some((name) => names.has(name)))
    .map((one) => one.digest)
  return createHash('sha256').update(relevant.toSorted().join('\n')).digest('hex')
}

async function readOffers(
  repository: Repository,
  cacheDir: string,
  signal: AbortSignal,
): Promise<OfferedPackage[] | undefined> {
  const dir = join(cacheDir, VERIFIED_OFFERS)
  const file = join(dir, `${repository.digest}.json`)
  try {
    return JSON.parse(await readFile(file, 'utf8')) as OfferedPackage[]
  } catch {
    // not in the cache yet
  }
  const primary = primaryOf(repository.repomd)
  if (!primary || primary.size > MAX_PRIMARY_BYTES) return undefined
  const decompress = DECOMPRESS[/\.(\w+)$/.exec(primary.href)?.[1] ?? '']
  if (!decompress) return undefined
  let offers: OfferedPackage[]
  try {
    const bytes = await readUrl(`${repository.url}/${primary.href}`, {
      max_bytes: MAX_PRIMARY_BYTES,
      signal,
      tls: clientTls(repository.config),
      rules: repository.guard?.rules,
    })
    // The cache is shared, and its key is the index: a repository with a copied index must not poison the cache for the original.
    if (createHash(primary.algorithm).update(bytes).digest('hex') !== primary.hex) return undefined
    offers = parsePrimary((await decompress(bytes)).toString('utf8'))
  } catch {
    // The package list is broken, or was replaced in the meantime. dnf reports that if it matters.
    signal.throwIfAborted()
    return undefined
  }
  await mkdir(dir, { recursive: true })
  await pruneOffers(dir)
  await writeFile(`${file}.${process.pid}`, JSON.stringify(offers))
  await rename(`${file}.${process.pid}`, file)
  return offers
}

/** Deletes the oldest files. Each version of a repository adds a file, which the next version makes useless. */
async function pruneOffers(dir: string): Promise<void> {
  const names = await readdir(dir)
  if (names.length < MAX_OFFER_FILES) return
  const ages = await Promise.all(
    names.map(async (name) => ({
      name,
      at: (await stat(join(dir, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  )
  const old = ages.toSorted((a, b) => a.at - b.at).slice(0, MAX_OFFER_FILES / 2)
  for (const { name } of old) await rm(join(dir, name), { force: true })
}

const limits = { maxOutputLength: MAX_XML_BYTES }
const DECOMPRESS: Record<string, (bytes: Buffer) => Promise<Buffer>> = {
  xml: (bytes) => Promise.resolve(bytes),
  gz: (bytes) => promisify(gunzip)(bytes, limits),
  zst: (bytes) => promisify(zstdDecompress)(bytes, limits),
}

interface Primary {
  href: string
  size: number
  algorithm: string
  hex: string
}

/** Returns the location and checksum of the package list; undefined if it has no checksum that is strong enough to detect a forged list. */
function primaryOf(repomd: string): Primary | undefined {
  const [data = ''] = between(repomd, '<data type="primary">', '</data>')
  const href = /<location[^<>]*\shref="([^"]+)"/.exec(data)?.[1]
  const [, algorithm, hex] =
    /<checksum type="(sha256|sha384|sha512)">\s*([0-9a-f]{64,128})\s*</.exec(data) ?? []
  if (href === undefined || algorithm === undefined || hex === undefined) return undefined
  const size = Number(/<size>(\d+)/.exec(data)?.[1] ?? Infinity)
  return { href: decode(href), size, algorithm, hex }
}

export function parsePrimary(xml: string): OfferedPackage[] {
  return between(xml, '<package type="rpm">', '</package>').map((text) => {
    const lists = ['provides', 'obsoletes']
      .flatMap((list) => between(text, `<rpm:${list}>`, `</rpm:${list}>`))
      .join('')
    const names = [
      ...text.matchAll(/<name>([^<]*)<\/name>/g),
      ...lists.matchAll(/<rpm:entry name="([^"]*)"/g),
      ...text.matchAll(/<file[^<>]*>([^<]*)<\/file>/g),
    ]
    return {
      digest: /<checksum[^<>]*>([^<]*)</.exec(text)?.[1] ?? '',
      names: [...new Set(names.map((match) => decode(match[1] ?? '')))],
    }
  })
}

/** Returns the texts between two markers in linear time. A regular expression would take longer if a closing marker is missing. */
function between(text: string, from: string, to: string): string[] {
  const found: string[] = []
  for (let at = text.indexOf(from); at >= 0;) {
    const end = text.indexOf(to, at + from.length)
    if (end < 0) break
    found.push(text.slice(at + from.length, end))
    at = text.indexOf(from, end + to.length)
  }
  return found
}

function decode(text: string): string {
  return text.replaceAll(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? '')
}
