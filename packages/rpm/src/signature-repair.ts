import { createHash } from 'node:crypto'
import { finishCheck, payloadCheck } from './digests.ts'
import { type HeaderBlock, INTRO_SIZE, readHeaderSize } from './header-block.ts'
import { LEAD_SIZE, paddedSignatureSize, readMainHeader, type RpmSource } from './header.ts'
import { PayloadBytes } from './payload.ts'
import { digestEntries, format6DigestEntries, isFormat6, reserveTagOf } from './signature-layout.ts'
import type { NewEntry } from './write-header.ts'

/**
 * Rebuilds the entries of a signature header from the rest of the package, after they were lost in an interrupted write; returns undefined
 * if that is impossible. The payload must match the header's digest: if the package is also damaged elsewhere, new digests must not hide
 * that damage.
 */
export async function repairSignatureHeader(
  source: RpmSource,
): Promise<{ headerStart: number; kept: NewEntry[]; reserveTag: number } | undefined> {
  const header = await findMainHeader(source)
  const check = header?.isSealed ? payloadCheck(header) : undefined
  if (!header || !check) return undefined
  const md5 = createHash('md5').update(header.bytes)
  const payload = new PayloadBytes(source, header.start + header.size, (chunk) => {
    md5.update(chunk)
    check.hash.update(chunk)
  })
  for await (const _ of payload);
  finishCheck(check, source.label)
  const kept = isFormat6(header)
    ? format6DigestEntries(header.bytes)
    : digestEntries(header.bytes, { md5: md5.digest(), size: source.size - header.start })
  return { headerStart: header.start, kept, reserveTag: reserveTagOf(header) }
}

/**
 * Finds the main header. The size of the signature header can be trusted: it is in the first 16 bytes of that header, which lie in a single
 * disk sector.
 */
async function findMainHeader(source: RpmSource): Promise<HeaderBlock | undefined> {
  try {
    const intro = await source.read(LEAD_SIZE, INTRO_SIZE)
    const size = readHeaderSize(intro, source.label, 'signature header')
    return await readMainHeader(source, LEAD_SIZE + paddedSignatureSize(size))
  } catch {
    return undefined
  }
}
