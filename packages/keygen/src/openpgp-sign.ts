import { constants, createHash, type KeyObject, privateEncrypt, sign } from 'node:crypto'
import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'
import {
  commonSubpackets,
  hashedPart,
  hashedPartOf,
  type SignatureParameters,
  subpacket,
  trailerOf,
} from '@copr/contract/openpgp-signature'
import { hashedKey, mpi, PACKET, packet } from './openpgp-key.ts'

/** DigestInfo of a SHA-256 digest, without the digest. Source: RFC 8017 section 9.2. */
const SHA256_DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex')
const POSITIVE_CERTIFICATION = 0x13

/** Returns a signature packet over a binary document. The given digest must already cover `signatureTrailer(facts)`. */
export function signDocument(
  key: KeyObject,
  facts: SignatureParameters,
  digest: Uint8Array,
): Buffer {
  return signaturePacket(key, facts, hashedPart(facts), digest)
}

export interface CertificationParameters extends SignatureParameters {
  user_id: string
  /** Unix seconds. */
  key_created_at: number
  key_expires_at: number
}

/** Makes the self-signature that binds the user id to the key, and declares the key's permitted uses and its expiry. */
export function certifyUserId(
  key: KeyObject,
  publicKey: Uint8Array,
  facts: CertificationParameters,
): Buffer {
  const hashed = hashedPartOf(
    POSITIVE_CERTIFICATION,
    facts.algorithm,
    certificationSubpackets(facts),
  )
  const userId = Buffer.from(facts.user_id)
  const userIdHead = Buffer.from([0xb4, 0, 0, 0, 0])
  userIdHead.writeUInt32BE(userId.length, 1)
  const digest = createHash('sha256')
    .update(hashedKey(publicKey))
    .update(userIdHead)
    .update(userId)
    .update(trailerOf(hashed))
    .digest()
  return signaturePacket(key, facts, hashed, digest)
}

/** Source of the numbers: RFC 4880 section 5.2.3. */
function certificationSubpackets(facts: CertificationParameters): Buffer {
  const lifetime_seconds = Buffer.alloc(4)
  lifetime_seconds.writeUInt32BE(facts.key_expires_at - facts.key_created_at)
  const certifyAndSign = [0x03]
  const sha512Sha384Sha256 = [10, 9, 8]
  const integrityProtection = [0x01]
  return Buffer.concat([
    commonSubpackets(facts),
    subpacket(27, Buffer.from(certifyAndSign)),
    subpacket(9, lifetime_seconds),
    subpacket(21, Buffer.from(sha512Sha384Sha256)),
    subpacket(30, Buffer.from(integrityProtection)),
  ])
}

function signaturePacket(
  key: KeyObject,
  facts: SignatureParameters,
  hashed: Buffer,
  digest: Uint8Array,
): Buffer {
  const keyId = subpacket(16, Buffer.from(facts.fingerprint, 'hex').subarray(12))
  const unhashed = Buffer.concat([Buffer.from([0, keyId.length]), keyId])
  const body = [
    hashed,
    unhashed,
    digest.subarray(0, 2),
    signatureNumbers(facts.algorithm, key, digest),
  ]
  return packet(PACKET.signature, Buffer.concat(body))
}

function signatureNumbers(algorithm: KeyAlgorithm, key: KeyObject, digest: Uint8Array): Buffer {
  switch (algorithm) {
    case 'rsa4096': {
      // crypto.sign() would hash the digest once more, so this applies the padding directly.
      const padding = constants.RSA_PKCS1_PADDING
      return mpi(privateEncrypt({ key, padding }, Buffer.concat([SHA256_DIGEST_INFO, digest])))
    }
    case 'ed25519': {
      const both = sign(null, digest, key)
      return Buffer.concat([mpi(both.subarray(0, 32)), mpi(both.subarray(32))])
    }
  }
}
