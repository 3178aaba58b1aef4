import { createHash, type KeyObject } from 'node:crypto'
import { PUBLIC_KEY_ALGORITHM } from '@copr/contract/openpgp-signature'
import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'

export const PACKET = { signature: 2, publicKey: 6, userId: 13 } as const

/** The OID 1.3.6.1.4.1.11591.15.1, which identified the curve in OpenPGP before RFC 9580. */
const ED25519_OID = Buffer.from('2b06010401da470f01', 'hex')
/** Prefix of a point in the curve's native form. Source: RFC 9580 section 11.2.1. */
const NATIVE_POINT = 0x40

/** A packet with an old-format header and a two-byte length, which every version of rpm can read. Source: RFC 4880 section 4.2.1. */
export function packet(tag: number, body: Uint8Array): Buffer {
  const header = Buffer.from([0x80 | (tag << 2) | 1, 0, 0])
  header.writeUInt16BE(body.length, 1)
  return Buffer.concat([header, body])
}

/** A multiprecision integer: its length in bits, then its big-endian bytes without leading zeros. */
export function mpi(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0)
  const significant = start === -1 ? Buffer.alloc(0) : Buffer.from(bytes).subarray(start)
  const first = significant[0] ?? 0
  const bits = first === 0 ? 0 : (significant.length - 1) * 8 + (32 - Math.clz32(first))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bits)
  return Buffer.concat([length, significant])
}

/** The body of a v4 public key packet. `created_at` in Unix seconds. */
export function publicKeyBody(algorithm: KeyAlgorithm, key: KeyObject, created_at: number): Buffer {
  const head = Buffer.alloc(6)
  head[0] = 4
  head.writeUInt32BE(created_at, 1)
  head[5] = PUBLIC_KEY_ALGORITHM[algorithm]
  return Buffer.concat([head, keyNumbers(algorithm, key.export({ format: 'jwk' }))])
}

function keyNumbers(algorithm: KeyAlgorithm, jwk: { n?: string; e?: string; x?: string }): Buffer {
  const number = (text = ''): Buffer => Buffer.from(text, 'base64url')
  switch (algorithm) {
    case 'rsa4096':
      return Buffer.concat([mpi(number(jwk.n)), mpi(number(jwk.e))])
    case 'ed25519': {
      const point = mpi(Buffer.concat([Buffer.from([NATIVE_POINT]), number(jwk.x)]))
      return Buffer.concat([Buffer.from([ED25519_OID.length]), ED25519_OID, point])
    }
  }
}

/** Returns a public key in the form that is hashed for its fingerprint and for signatures over the key. Source: RFC 4880 section 12.2. */
export function hashedKey(publicKey: Uint8Array): Buffer {
  const head = Buffer.from([0x99, 0, 0])
  head.writeUInt16BE(publicKey.length, 1)
  return Buffer.concat([head, publicKey])
}

/** Returns 40 hexadecimal digits in upper case. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return createHash('sha1').update(hashedKey(publicKey)).digest('hex').toUpperCase()
}
