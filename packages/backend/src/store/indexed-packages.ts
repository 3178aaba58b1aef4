import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

/** Longer than any checksum element, and than any location element, even one with the longest path allowed. */
const MAX_ELEMENT_LENGTH = 8192
const CHECKSUM_OR_LOCATION = /<checksum [^>]*pkgid="YES">(\w{64})|<location [^>]*?href="([^"]*)"/g

/**
 * Returns the SHA-256 of each package that an index describes, by location. Returns an empty map if the index is not compressed with gzip.
 */
export async function indexedPackages(dir: string): Promise<Map<string, string>> {
  const repomd = await readFile(join(dir, 'repodata', 'repomd.xml'), 'utf8')
  const primary = /<data type="primary">.*?<location href="([^"]+\.gz)"/s.exec(repomd)?.[1]
  const found = new Map<string, string>()
  if (primary === undefined) return found
  let rest = ''
  let sha256 = ''
  await pipeline(createReadStream(join(dir, primary)), createGunzip(), async (chunks) => {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      // The text is read as latin1, so that no character can be split between chunks. Package names are ASCII anyway.
      const text = rest + chunk.toString('latin1')
      for (const [, sum, href] of text.matchAll(CHECKSUM_OR_LOCATION)) {
        if (sum !== undefined) sha256 = sum
        if (href !== undefined) found.set(href, sha256)
      }
      // The chunk may end in the middle of an element.
      rest = text.slice(text.lastIndexOf('<'))
      if (rest.length > MAX_ELEMENT_LENGTH) rest = ''
    }
  })
  return found
}
