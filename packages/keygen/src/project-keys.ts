import { createPublicKey, type KeyObject } from 'node:crypto'
import type { KeyAlgorithm, PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import { armor } from '@copr/contract/openpgp-signature'
import { CoprError } from '@copr/process/errors'
import { generatePrivateKey, readPrivateKey } from './key-pair.ts'
import { drawRsaKey } from './key-pool.ts'
import {
  findKey,
  insertKey,
  keysExpiringBefore,
  prolongKey,
  replaceKey,
  type StoredKey,
} from './key-table.ts'
import { fingerprintOf, PACKET, packet, publicKeyBody } from './openpgp-key.ts'
import { certifyUserId } from './openpgp-sign.ts'
import { keyContext } from './sealed-secrets.ts'
import type { KeygenContext } from './keygen-context.ts'

/** Maximum difference between the clocks of a caller and of keygen. */
export const CLOCK_TOLERANCE_SECONDS = 600
const DAY_SECONDS = 86_400
const LIFETIME_SECONDS = 5 * 365 * DAY_SECONDS
/** Keys that expire within this time are extended, so that every user has a year to fetch the new expiry date. */
const PROLONG_BEFORE_SECONDS = 365 * DAY_SECONDS

/** Returns the project's key, which is made if there is none. `algorithm` applies to a new key only. */
export async function makeKey(
  keygen: KeygenContext,
  owner: string,
  project: string,
  algorithm: KeyAlgorithm,
): Promise<StoredKey> {
  const existing = await findKey(keygen.db, owner, project)
  if (existing) return existing
  const made = await newKey(keygen, owner, project, algorithm)
  const stored = await insertKey(keygen.db, made)
  if (stored.fingerprint === made.fingerprint)
    keygen.log.info({ owner, project, algorithm, fingerprint: stored.fingerprint }, 'Made key')
  return stored
}

/** Replaces the key if it still has this fingerprint, and deletes the private half of the old key. Returns the current key. */
export async function rotateKey(
  keygen: KeygenContext,
  {
    owner,
    project,
    fingerprint,
    by,
  }: { owner: string; project: string; fingerprint: string; by: string },
): Promise<StoredKey> {
  const { algorithm, fingerprint: current } = await requireKey(keygen, owner, project)
  if (current !== fingerprint) return await requireKey(keygen, owner, project)
  const key = await newKey(keygen, owner, project, algorithm)
  const stored = await replaceKey(keygen.db, { fingerprint, key, by })
  if (!stored) return await requireKey(keygen, owner, project)
  keygen.log.info({ owner, project, from: fingerprint, to: stored.fingerprint, by }, 'Rotated key')
  return stored
}

async function newKey(
  keygen: KeygenContext,
  owner: string,
  project: string,
  algorithm: KeyAlgorithm,
): Promise<StoredKey> {
  const secret =
    algorithm === 'rsa4096' ? await drawRsaKey(keygen) : await generatePrivateKey(algorithm)
  // The creation date is set back by the tolerance, because verifiers refuse a signature that is older than its key, and the clock of the
  // signing component may be slow.
  const created_at = unixSeconds(keygen.now()) - CLOCK_TOLERANCE_SECONDS
  const expires_at = created_at + LIFETIME_SECONDS
  const key = readPrivateKey(secret)
  const public_key = publicKeyBody(algorithm, createPublicKey(key), created_at)
  const fingerprint = fingerprintOf(public_key)
  const user_id = `${owner}_${project} <${owner}#${project}@copr.${keygen.sign_domain}>`
  const times = { created_at, key_created_at: created_at, key_expires_at: expires_at }
  const sealed_private_key = keygen.sealer.seal(keyContext({ owner, project, fingerprint }), secret)
  secret.fill(0)
  return {
    owner,
    project,
    algorithm,
    fingerprint,
    created_at: dateOf(created_at),
    expires_at: dateOf(expires_at),
    user_id,
    public_key,
    certifications: certifyUserId(key, public_key, { algorithm, fingerprint, user_id, ...times }),
    sealed_private_key,
    changed_at: keygen.now(),
  }
}

export function publicKeyAnswer(key: StoredKey): PublicKeyAnswer {
  const packets = Buffer.concat([
    packet(PACKET.publicKey, key.public_key),
    packet(PACKET.userId, Buffer.from(key.user_id)),
    key.certifications,
  ])
  return {
    algorithm: key.algorithm,
    fingerprint: key.fingerprint,
    public_key: armor('PUBLIC KEY BLOCK', packets),
    created_at: unixSeconds(key.created_at),
    expires_at: unixSeconds(key.expires_at),
  }
}

export async function requireKey(
  keygen: KeygenContext,
  owner: string,
  project: string,
): Promise<StoredKey> {
  const key = await findKey(keygen.db, owner, project)
  if (!key) throw new CoprError('not_found', `Cannot find a key for ${owner}/${project}`)
  return key
}

/**
 * Extends keys that expire within a year by five years. Earlier self-signatures are kept, because Sequoia (which Fedora's rpm uses) checks
 * a signature against the self-signatures that existed when it was made. Without the earlier ones, it would refuse every package that was
 * signed before the extension.
 */
export async function prolongKeys(keygen: KeygenContext): Promise<void> {
  const now = unixSeconds(keygen.now())
  for (const stored of await keysExpiringBefore(keygen.db, dateOf(now + PROLONG_BEFORE_SECONDS))) {
    const { owner, project, fingerprint, user_id, algorithm } = stored
    try {
      const key_created_at = unixSeconds(stored.created_at)
      const key_expires_at = Math.max(unixSeconds(stored.expires_at), now) + LIFETIME_SECONDS
      const facts = {
        algorithm,
        fingerprint,
        user_id,
        created_at: now,
        key_created_at,
        key_expires_at,
      }
      const certification = certifyUserId(openKey(keygen, stored), stored.public_key, facts)
      await prolongKey(keygen.db, stored, {
        expires_at: dateOf(key_expires_at),
        changed_at: keygen.now(),
        certifications: Buffer.concat([stored.certifications, certification]),
      })
      keygen.log.info({ owner, project, fingerprint, key_expires_at }, 'Prolonged key')
    } catch (err) {
      keygen.log.error({ err, owner, project, fingerprint }, 'Cannot extend a key')
    }
  }
}

/** Opens the private key of a row, for one use. */
export function openKey({ sealer }: Pick<KeygenContext, 'sealer'>, stored: StoredKey): KeyObject {
  const secret = sealer.unseal(keyContext(stored), stored.sealed_private_key)
  try {
    return readPrivateKey(secret)
  } finally {
    secret.fill(0)
  }
}

export function unixSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000)
}
