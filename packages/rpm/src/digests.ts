import { createHash, type Hash } from 'node:crypto'
import { refuse } from './errors.ts'
import type { HeaderBlock } from './header-block.ts'
import { getBinary, getInt, getString, getStrings } from './header-values.ts'
import { readRpmHeaderFrom, type RpmHeader, withRpmFile, type RpmInput } from './header.ts'
import { PayloadBytes } from './payload.ts'
import { HASH_NAME, SIGNATURE_TAG, TAG } from './tags.ts'

export type DigestName =
  | 'size'
  | 'header-sha1'
  | 'header-sha256'
  | 'header-sha3-256'
  | 'payload'
  | 'payload-sha512'
  | 'payload-sha3-256'
  | 'header-and-payload-md5'

/**
 * Recomputes every digest in the package and returns the names of those that it contains. Throws RpmFormatError if a digest is wrong.
 * Digests detect accidental damage; only a signature proves where a package comes from.
 */
export async function verifyDigests(from: RpmInput): Promise<DigestName[]> {
  return await withRpmFile(from, async (source) => {
    const rpm = await readRpmHeaderFrom(source)
    const verified = checkHeaderDigests(rpm)
    const payload = payloadChecks(rpm)
    if (payload.length === 0) return verified
    const bytes = new PayloadBytes(source, rpm.payloadStart, (chunk) => {
      for (const { hash } of payload) hash.update(chunk)
    })
    for await (const _ of bytes);
    for (const check of payload) finishCheck(check, rpm.label)
    return [...verified, ...payload.map(({ name }) => name)]
  })
}

/** Checks the digests that cover only the header, and checks that the file has the recorded size. */
export function checkHeaderDigests({
  label,
  signature,
  header,
  fileSize,
}: RpmHeader): DigestName[] {
  const verified: DigestName[] = []
  const size = getInt(signature, SIGNATURE_TAG.LONGSIZE) ?? getInt(signature, SIGNATURE_TAG.SIZE)
  if (size !== undefined) {
    const actual = fileSize - header.start
    if (size !== actual)
      refuse(label, `header and payload should have ${size} bytes, not ${actual}`)
    verified.push('size')
  }
  const digests = [
    ['header-sha1', 'sha1', SIGNATURE_TAG.SHA1HEADER],
    ['header-sha256', 'sha256', SIGNATURE_TAG.SHA256HEADER],
    ['header-sha3-256', 'sha3-256', SIGNATURE_TAG.SHA3_256HEADER],
  ] as const
  for (const [name, algorithm, tag] of digests) {
    const expected = getString(signature, tag)
    if (expected === undefined) continue
    if (createHash(algorithm).update(header.bytes).digest('hex') !== expected.toLowerCase())
      refuse(label, `its header does not match the ${algorithm} digest`)
    verified.push(name)
  }
  return verified
}

const FORMAT_6_DIGESTS = [
  ['payload-sha512', 'sha512', TAG.PAYLOADSHA512],
  ['payload-sha3-256', 'sha3-256', TAG.PAYLOADSHA3_256],
] as const

export interface PayloadCheck {
  name: DigestName
  /** must be updated with the compressed payload */
  hash: Hash
  /** hex */
  expected: string
}

/**
 * Returns the digests that cover the payload. Packages built by rpm before 4.14 have only an MD5 of header and payload; packages of format
 * 6 have three digests of the payload.
 */
export function payloadChecks({ signature, header }: RpmHeader): PayloadCheck[] {
  const check = payloadCheck(header)
  const checks = check ? [check] : []
  for (const [name, algorithm, tag] of FORMAT_6_DIGESTS) {
    const expected = getString(header, tag)?.toLowerCase()
    if (expected !== undefined) checks.push({ name, hash: createHash(algorithm), expected })
  }
  const md5 = getBinary(signature, SIGNATURE_TAG.MD5)
  if (md5) {
    const hash = createHash('md5').update(header.bytes)
    checks.push({ name: 'header-and-payload-md5', hash, expected: md5.toString('hex') })
  }
  return checks
}

/** Returns the payload digest stored in the main header; undefined if there is none. */
export function payloadCheck(header: HeaderBlock): PayloadCheck | undefined {
  const [digest] = getStrings(header, TAG.PAYLOADDIGEST)
  if (digest === undefined) return undefined
  const number = getInt(header, TAG.PAYLOADDIGESTALGO) ?? 8
  const algorithm =
    HASH_NAME[number] ??
    refuse(header.label, `its payload digest has the unknown algorithm ${number}`)
  return { name: 'payload', hash: createHash(algorithm), expected: digest.toLowerCase() }
}

const DIGEST_WORDS: Partial<Record<DigestName, string>> = {
  'header-and-payload-md5': 'MD5',
  'payload-sha512': 'SHA-512',
  'payload-sha3-256': 'SHA3-256',
}

export function finishCheck({ name, hash, expected }: PayloadCheck, label: string): void {
  if (hash.digest('hex') !== expected)
    refuse(label, `its payload does not match the ${DIGEST_WORDS[name] ?? name} digest`)
}
