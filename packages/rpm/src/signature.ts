import { constants } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { checkHeaderDigests } from './digests.ts'
import { refuse, RpmFormatError } from './errors.ts'
import type { HeaderBlock } from './header-block.ts'
import { getBinary, getStrings } from './header-values.ts'
import {
  type RpmInput,
  LEAD_SIZE,
  readRpmHeader,
  readRpmHeaderFrom,
  type RpmHeader,
  type RpmSource,
  withRpmFile,
} from './header.ts'
import { PayloadBytes } from './payload.ts'
import {
  fitInto,
  keptEntries,
  movesKeptData,
  reserveTagOf,
  withReserve,
} from './signature-layout.ts'
import { repairSignatureHeader } from './signature-repair.ts'
import { SIGNATURE_TAG, TYPE } from './tags.ts'
import type { NewEntry } from './write-header.ts'

/** rpm 4 stores EdDSA signatures under the tag for DSA. */
const TAG_OF = { rsa: SIGNATURE_TAG.RSAHEADER, eddsa: SIGNATURE_TAG.DSAHEADER } as const
/** OpenPGP's algorithm numbers. EdDSA has two: 22 as in GnuPG 2.2, and 27 (Ed25519) as in RFC 9580. */
const PUBLIC_KEY_NUMBERS = { rsa: [1], eddsa: [22, 27] } as const
const SIGNATURE_PACKET = 2
const MAX_PACKET_SIZE = 64 * 1024

export type SignatureAlgorithm = keyof typeof TAG_OF

/**
 * Returns the bytes that a header signature covers: the whole main header, at most 65 MiB. An OpenPGP signature of version 4 is made over
 * the digest of these bytes followed by the signature's own hashed fields.
 */
export async function readSignedRegion(from: RpmInput): Promise<Buffer> {
  return signedRegion(await readRpmHeader(from))
}

function signedRegion({ label, header }: RpmHeader): Buffer {
  return header.isSealed
    ? header.bytes
    : refuse(label, 'its header has no immutable region, as rpm 4 writes it')
}

/** Returns the OpenPGP packet of the header's signature; undefined if there is none. */
export async function readHeaderSignature(from: RpmInput): Promise<Buffer | undefined> {
  const { signature } = await readRpmHeader(from)
  const [base64] = getStrings(signature, SIGNATURE_TAG.OPENPGP) // as rpm 6 writes it
  return (
    getBinary(signature, SIGNATURE_TAG.RSAHEADER) ??
    getBinary(signature, SIGNATURE_TAG.DSAHEADER) ??
    (base64 === undefined ? undefined : Buffer.from(base64, 'base64'))
  )
}

/**
 * Makes the OpenPGP packet the package's only signature. If the signature header has enough space, the file is changed in place (so every
 * hard link to it changes, too); otherwise, it is replaced by a new file. After a crash, calling this again completes the work. Returns the
 * previous offset of the main header; nothing from there on has changed.
 */
export async function writeHeaderSignature(
  path: string,
  packet: Buffer,
  algorithm: SignatureAlgorithm,
): Promise<number> {
  checkPacket(packet, algorithm)
  const entry = { tag: TAG_OF[algorithm], type: TYPE.BIN, count: packet.length, data: packet }
  return await changeSignatures(path, [entry])
}

/** Removes all OpenPGP signatures, but not the digests. */
export async function deleteSignatures(path: string): Promise<void> {
  await changeSignatures(path, [])
}

function checkPacket(packet: Buffer, algorithm: SignatureAlgorithm): void {
  const fault = packetFault(packet, algorithm)
  if (fault) throw new RpmFormatError(`Cannot sign with this OpenPGP packet: ${fault}`)
}

function packetFault(packet: Buffer, algorithm: SignatureAlgorithm): string | undefined {
  if (packet.length > MAX_PACKET_SIZE) return `it is larger than ${MAX_PACKET_SIZE} bytes`
  const first = packet[0] ?? 0
  const isNewFormat = (first & 0x40) !== 0
  const type = isNewFormat ? first & 0x3f : (first & 0x3f) >> 2
  if ((first & 0x80) === 0 || type !== SIGNATURE_PACKET) return 'it is not a signature'
  const body = packet.subarray(1 + (isNewFormat ? newLengthSize(packet[1] ?? 0) : 1 << (first & 3)))
  if (body[0] !== 4) return `its version is ${body[0]}, but rpm 4 needs 4`
  const numbers: readonly number[] = PUBLIC_KEY_NUMBERS[algorithm]
  return numbers.includes(body[2] ?? 0) ? undefined : `it was not made with ${algorithm}`
}

function newLengthSize(first: number): number {
  return first < 192 ? 1 : first < 255 ? 2 : 5
}

async function changeSignatures(path: string, signatures: NewEntry[]): Promise<number> {
  const { O_RDWR, O_NOFOLLOW } = constants
  await using handle = await open(path, O_RDWR | O_NOFOLLOW)
  return await withRpmFile(handle, async (unnamed) => {
    const source = { ...unnamed, label: basename(path) }
    const { headerStart, signature, kept, reserveTag } = await readSignatures(source)
    const entries = [...kept, ...signatures]
    const replacement = fitInto(headerStart - LEAD_SIZE, entries, reserveTag)
    if (replacement && !(signature && movesKeptData(signature, replacement))) {
      await handle.write(replacement, 0, replacement.length, LEAD_SIZE)
      await handle.sync()
    } else {
      await replaceFile(path, source, {
        headerStart,
        replacement: replacement ?? withReserve(entries, reserveTag),
      })
    }
    return headerStart
  })
}

/** Returns the entries of the signature header that must be kept, even if an earlier rewrite of that header was interrupted. */
async function readSignatures(source: RpmSource): Promise<{
  headerStart: number
  signature?: HeaderBlock
  kept: NewEntry[]
  reserveTag: number
}> {
  let rpm: RpmHeader
  try {
    rpm = await readRpmHeaderFrom(source)
  } catch (error) {
    return (await repairSignatureHeader(source)) ?? Promise.reject(error as Error)
  }
  signedRegion(rpm)
  checkHeaderDigests(rpm)
  const { signature, header } = rpm
  return {
    headerStart: header.start,
    signature,
    kept: keptEntries(signature),
    reserveTag: reserveTagOf(header),
  }
}

/** Writes a copy next to the file and renames it over the file. */
async function replaceFile(
  path: string,
  source: RpmSource,
  { headerStart, replacement }: { headerStart: number; replacement: Buffer },
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.signing`)
  await rm(temporary, { force: true }) // left by an interrupted attempt
  try {
    await using copy = await open(temporary, 'wx', 0o644)
    await copy.writeFile(await source.read(0, LEAD_SIZE))
    await copy.writeFile(replacement)
    await copy.writeFile(new PayloadBytes(source, headerStart))
    await copy.sync()
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await using directory = await open(dirname(path), 'r')
  await directory.sync()
}
