import { createHash } from 'node:crypto'
import type { KeyAlgorithm } from './keygen-protocol.ts'

/** Algorithm numbers for RSA, and for EdDSA in the form that RFC 4880 implementations support. Source: RFC 9580 section 9.1. */
export const PUBLIC_KEY_ALGORITHM: Record<KeyAlgorithm, number> = { rsa4096: 1, ed25519: 22 }
const SHA256 = 8
const BINARY_DOCUMENT = 0

export interface SignatureParameters {
  algorithm: KeyAlgorithm
  /** 40 hexadecimal digits. */
  fingerprint: string
  /** Unix seconds. */
  created_at: number
}

/** Encodes a signature subpacket of at most 190 bytes. Source: RFC 4880 section 5.2.3.1. */
export function subpacket(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([body.length + 1, type]), body])
}

/** The subpackets that all signatures of keygen contain: creation time and issuer fingerprint. Source: RFC 9580 section 5.2.3.35. */
export function commonSubpackets({ fingerprint, created_at }: SignatureParameters): Buffer {
  const issuer = Buffer.concat([Buffer.from([4]), Buffer.from(fingerprint, 'hex')])
  return Buffer.concat([subpacket(2, uint32(created_at)), subpacket(33, issuer)])
}

/**
 * The fields of an OpenPGP v4 signature that are hashed together with the signed data: version, type, algorithms, and the hashed
 * subpackets. Source: RFC 4880 sections 5.2.3 and 5.2.4.
 */
export function hashedPartOf(
  type: number,
  algorithm: KeyAlgorithm,
  subpackets: Uint8Array,
): Buffer {
  const head = Buffer.from([4, type, PUBLIC_KEY_ALGORITHM[algorithm], SHA256, 0, 0])
  head.writeUInt16BE(subpackets.length, 4)
  return Buffer.concat([head, subpackets])
}

/** The hashed fields of a signature of a binary document, which is the type that keygen makes. */
export function hashedPart(facts: SignatureParameters): Buffer {
  return hashedPartOf(BINARY_DOCUMENT, facts.algorithm, commonSubpackets(facts))
}

/** The bytes that are hashed after the signed data: the hashed fields and their length. Source: RFC 4880 section 5.2.4. */
export function trailerOf(hashed: Uint8Array): Buffer {
  return Buffer.concat([hashed, Buffer.from([4, 0xff]), uint32(hashed.length)])
}

export function signatureTrailer(facts: SignatureParameters): Buffer {
  return trailerOf(hashedPart(facts))
}

/** The SHA-256 digest that is signed to make a signature of `data` with these parameters. */
export function digestFor(data: Uint8Array, facts: SignatureParameters): Buffer {
  return createHash('sha256').update(data).update(signatureTrailer(facts)).digest()
}

/** Encodes OpenPGP packets as text, with the checksum that rpm requires. Source: RFC 4880 section 6. */
export function armor(kind: 'PUBLIC KEY BLOCK' | 'SIGNATURE', packets: Uint8Array): string {
  const lines =
    Buffer.from(packets)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  const checksum = uint32(crc24(packets)).subarray(1).toString('base64')
  return [
    `-----BEGIN PGP ${kind}-----`,
    '',
    ...lines,
    `=${checksum}`,
    `-----END PGP ${kind}-----`,
    '',
  ].join('\n')
}

function crc24(bytes: Uint8Array): number {
  let crc = 0xb704ce
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1
      if (crc & 0x1000000) crc ^= 0x1864cfb
    }
  }
  return crc & 0xffffff
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
