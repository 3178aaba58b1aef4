import type { KeyAlgorithm } from './keygen-protocol.ts'

/** RFC 9580 section 9.1: RSA, and EdDSA as RFC 4880 implementations know it. */
const PUBLIC_KEY_ALGORITHM: Record<KeyAlgorithm, number> = { rsa4096: 1, ed25519: 22 }
const SHA256 = 8
const BINARY_DOCUMENT = 0

export interface SignatureFacts {
  algorithm: KeyAlgorithm
  /** 40 hexadecimal digits. */
  fingerprint: string
  /** Unix seconds. */
  created_at: number
}

/**
 * The part of an OpenPGP v4 signature over a binary document that the signature itself covers: version, type,
 * algorithms, and the hashed subpackets (creation time, issuer fingerprint).
 * Source: RFC 4880 sections 5.2.3 and 5.2.4, RFC 9580 section 5.2.3.35.
 */
export function hashedPart({ algorithm, fingerprint, created_at }: SignatureFacts): Buffer {
  const created = Buffer.alloc(6)
  created.set([5, 2])
  created.writeUInt32BE(created_at, 2)
  const issuer = Buffer.concat([Buffer.from([22, 33, 4]), Buffer.from(fingerprint, 'hex')])
  const subpackets = Buffer.concat([created, issuer])
  const head = Buffer.from([4, BINARY_DOCUMENT, PUBLIC_KEY_ALGORITHM[algorithm], SHA256, 0, subpackets.length])
  return Buffer.concat([head, subpackets])
}

/** What is hashed after the signed bytes: the hashed part, and its length. */
export function signatureTrailer(facts: SignatureFacts): Buffer {
  const part = hashedPart(facts)
  const end = Buffer.alloc(6)
  end.set([4, 0xff])
  end.writeUInt32BE(part.length, 2)
  return Buffer.concat([part, end])
}
