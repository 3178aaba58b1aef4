import { createPublicKey, type KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type {
  KeyAlgorithm,
  PublicKeyAnswer,
  SignAnswer,
  SignRequest,
} from '@copr/contract/keygen-protocol'
import { armor } from '@copr/contract/openpgp-signature'
import { CoprError } from '@copr/process/errors'
import { generatePrivateKey, readPrivateKey } from './key-pair.ts'
import { drawRsaKey } from './key-pool.ts'
import { findKey, insertKey, keysExpiringBefore, prolongKey, type StoredKey } from './key-table.ts'
import { fingerprintOf, PACKET, packet, publicKeyBody } from './openpgp-key.ts'
import { certifyUserId, signDocument } from './openpgp-sign.ts'
import { seal, unseal } from './seal.ts'
import type { Vault } from './vault.ts'

/** How far the caller's clock may be from ours. */
const CLOCK_TOLERANCE_SECONDS = 600
const DAY_SECONDS = 86_400
const LIFETIME_SECONDS = 5 * 365 * DAY_SECONDS
/** Keys that end sooner are prolonged, so that every user has a year to fetch the new end. */
const PROLONG_BEFORE_SECONDS = 365 * DAY_SECONDS

/** The project's key, made now if it has none; then `algorithm` counts, otherwise it has the one it has. */
export async function makeKey(
  vault: Vault,
  owner: string,
  project: string,
  algorithm: KeyAlgorithm,
): Promise<StoredKey> {
  const existing = await findKey(vault.db, owner, project)
  if (existing) return existing
  const secret =
    algorithm === 'rsa4096' ? await drawRsaKey(vault) : await generatePrivateKey(algorithm)
  const made = newKey(vault, owner, project, algorithm, secret)
  const stored = await insertKey(vault.db, made)
  if (stored.fingerprint === made.fingerprint)
    vault.log.info({ owner, project, algorithm, fingerprint: stored.fingerprint }, 'Made key')
  return stored
}

function newKey(
  vault: Vault,
  owner: string,
  project: string,
  algorithm: KeyAlgorithm,
  secret: Buffer,
): StoredKey {
  // Back by the tolerance: verifiers refuse a signature older than its key, and a signer's clock may be late.
  const created_at = unixSeconds(vault.now()) - CLOCK_TOLERANCE_SECONDS
  const expires_at = created_at + LIFETIME_SECONDS
  const key = readPrivateKey(secret)
  const public_key = publicKeyBody(algorithm, createPublicKey(key), created_at)
  const fingerprint = fingerprintOf(public_key)
  const user_id = `${owner}_${project} <${owner}#${project}@copr.${vault.sign_domain}>`
  const times = { created_at, key_created_at: created_at, key_expires_at: expires_at }
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
    sealed_private_key: seal(vault.master_key, keyContext({ owner, project, fingerprint }), secret),
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

export async function requireKey(vault: Vault, owner: string, project: string): Promise<StoredKey> {
  const key = await findKey(vault.db, owner, project)
  if (!key) throw new CoprError('not_found', `Cannot find a key for ${owner}/${project}`)
  return key
}

/** Signs each digest; who asked for what goes to the log. */
export async function signDigests(vault: Vault, request: SignRequest): Promise<SignAnswer> {
  const { owner, project, purpose, created_at, digests } = request
  const late_seconds = unixSeconds(vault.now()) - created_at
  if (Math.abs(late_seconds) > CLOCK_TOLERANCE_SECONDS)
    throw new CoprError(
      'invalid',
      `Cannot sign for a moment ${Math.abs(late_seconds)} seconds from keygen's clock: set both clocks`,
    )
  const stored = await requireKey(vault, owner, project)
  const { algorithm, fingerprint } = stored
  const key = openKey(vault, stored)
  const signatures: string[] = []
  for (const digest of digests) {
    const facts = { algorithm, fingerprint, created_at }
    signatures.push(signDocument(key, facts, Buffer.from(digest, 'base64')).toString('base64'))
    // One signature takes milliseconds and a request may have a thousand: let others in between.
    await setImmediate()
  }
  vault.log.info({ owner, project, purpose, count: digests.length, fingerprint }, 'Signed')
  return { algorithm, signatures }
}

/**
 * Gives keys that end within a year five years more. Earlier self-signatures stay, because Sequoia (Fedora's rpm) judges
 * a signature by the self-signatures of its own time: without them it would refuse every package signed before.
 */
export async function prolongKeys(vault: Vault): Promise<void> {
  const now = unixSeconds(vault.now())
  for (const stored of await keysExpiringBefore(vault.db, dateOf(now + PROLONG_BEFORE_SECONDS))) {
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
      const certification = certifyUserId(openKey(vault, stored), stored.public_key, facts)
      await prolongKey(vault.db, stored, {
        expires_at: dateOf(key_expires_at),
        certifications: Buffer.concat([stored.certifications, certification]),
      })
      vault.log.info({ owner, project, fingerprint, key_expires_at }, 'Prolonged key')
    } catch (err) {
      vault.log.error({ err, owner, project, fingerprint }, 'Cannot prolong key')
    }
  }
}

export function openKey(vault: Pick<Vault, 'master_key'>, stored: StoredKey): KeyObject {
  return readPrivateKey(unseal(vault.master_key, keyContext(stored), stored.sealed_private_key))
}

function keyContext({
  owner,
  project,
  fingerprint,
}: Pick<StoredKey, 'owner' | 'project' | 'fingerprint'>): string {
  return `key ${owner}/${project}/${fingerprint}`
}

function unixSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000)
}
