import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'
import { clientTls, readUrl } from './read-url.ts'
import type { Repository } from './repository.ts'

/** What a package of a repository can be asked for by, and the digest of its file. */
export interface OfferedPackage {
  digest: string
  names: string[]
}

/** Bigger repositories are taken as a whole: reading them takes longer than asking dnf. */
const MAX_PRIMARY_BYTES = 4 * 1024 * 1024
const MAX_OFFER_FILES = 400
const MAX_XML_BYTES = 64 * 1024 * 1024
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/**
 * A digest of all in a repository that could change how the wanted names are resolved: packages that provide, replace
 * or ship one of them. Whatever else comes into the repository leaves it as it was.
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
  const file = join(cacheDir, 'offers', `${repository.digest}.json`)
  try {
    return JSON.parse(await readFile(file, 'utf8')) as OfferedPackage[]
  } catch {
    // not read yet
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
    offers = parsePrimary((await decompress(bytes)).toString('utf8'))
  } catch {
    // Replaced meanwhile, or broken: dnf will say so if it matters.
    signal.throwIfAborted()
    return undefined
  }
  await mkdir(join(cacheDir, 'offers'), { recursive: true })
  await pruneOffers(join(cacheDir, 'offers'))
  await writeFile(`${file}.${process.pid}`, JSON.stringify(offers))
  await rename(`${file}.${process.pid}`, file)
  return offers
}

/** Each state of a repository makes a file that is of use only until the next one. */
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

function primaryOf(repomd: string): { href: string; size: number } | undefined {
  const data = /<data type="primary">[\s\S]*?<\/data>/.exec(repomd)?.[0] ?? ''
  const href = /<location[^>]*\shref="([^"]+)"/.exec(data)?.[1]
  return href === undefined
    ? undefined
    : { href: decode(href), size: Number(/<size>(\d+)/.exec(data)?.[1] ?? Infinity) }
}

export function parsePrimary(xml: string): OfferedPackage[] {
  return [...xml.matchAll(/<package type="rpm">([\s\S]*?)<\/package>/g)].map(([, text = '']) => {
    const lists = [...text.matchAll(/<rpm:(provides|obsoletes)>([\s\S]*?)<\/rpm:\1>/g)]
      .map((match) => match[2] ?? '')
      .join('')
    const names = [
      ...text.matchAll(/<name>([^<]*)<\/name>/g),
      ...lists.matchAll(/<rpm:entry name="([^"]*)"/g),
      ...text.matchAll(/<file[^>]*>([^<]*)<\/file>/g),
    ]
    return {
      digest: /<checksum[^>]*>([^<]*)</.exec(text)?.[1] ?? '',
      names: [...new Set(names.map((match) => decode(match[1] ?? '')))],
    }
  })
}

function decode(text: string): string {
  return text.replaceAll(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? '')
}
