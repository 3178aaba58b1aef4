/**
 * The protocol of keygen. Callers send digests and receive OpenPGP signatures; private keys never leave keygen.
 *
 * | method and path | request → response |
 * | --- | --- |
 * | `POST /keys` | {@link MakeKeyRequest} → {@link PublicKeyAnswer}; an existing key is returned unchanged |
 * | `GET /keys/:owner/:project` | → {@link PublicKeyAnswer}; 404 |
 * | `GET /keys?changed_since=UNIX` | → {@link ChangedKeys}: created, extended or rotated since then |
 * | `POST /keys/:owner/:project/rotate` | {@link RotateRequest} → {@link PublicKeyAnswer}: a new key, or the current one on a retry |
 * | `POST /sign` | {@link SignRequest} → {@link SignAnswer} |
 * | `GET /signatures?owner=&project=` | → {@link SignatureLog}: latest first |
 * | `POST /signatures/check` | → {@link LogVerdict}: whether the hash chain of the log is intact |
 * | `POST /secrets/seal` | {@link SealRequest} → {@link SealAnswer} |
 * | `POST /secrets/open` | {@link OpenRequest} → {@link OpenAnswer}; 400 if it was sealed for another purpose or context |
 * | `GET /health` | → `{"ok": true}`, without a secret; 503 while the key table is unreachable |
 *
 * Every request except `/health` carries `Authorization: Bearer …`: the secret, or a service account's token with keygen's
 * audience. Errors are `{"error": "…"}` with status 400 (bad request, or `created_at` differs from keygen's clock by more than ten
 * minutes), 401, 403 (the caller lacks the right, or the ticket is invalid), 404 (no such key), 409 (the key was rotated),
 * 429 (too many signatures), or 503 (try again).
 */
import { z } from 'zod'
import { OwnerName, ProjectName } from './names.ts'

export const KeyAlgorithm = z.enum(['rsa4096', 'ed25519'])
export type KeyAlgorithm = z.infer<typeof KeyAlgorithm>

export const MakeKeyRequest = z.object({
  owner: OwnerName,
  project: ProjectName,
  algorithm: KeyAlgorithm.default('rsa4096'),
})
export type MakeKeyRequest = z.input<typeof MakeKeyRequest>

export const PublicKeyAnswer = z.object({
  algorithm: KeyAlgorithm,
  /** 40 hexadecimal digits, upper case. */
  fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
  /** ASCII-armored. */
  public_key: z.string(),
  /** Unix seconds. */
  created_at: z.number().int(),
  expires_at: z.number().int(),
})
export type PublicKeyAnswer = z.infer<typeof PublicKeyAnswer>

export const SignRequest = z.object({
  owner: OwnerName,
  project: ProjectName,
  /** The build task or repository for which the signatures are made; it is recorded in the log. */
  purpose: z.string().max(300),
  /** The names of the files to sign; they are recorded in the log. */
  names: z.array(z.string().max(300)).max(1000).default([]),
  /** A one-use ticket from the database, valid for exactly these digests. */
  ticket: z.uuid(),
  /** Fingerprint of the key for which the digests were computed. */
  fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
  /** Creation time of the signatures, in Unix seconds; the digests cover it. */
  created_at: z.number().int(),
  /** SHA-256 digests, in base64. Each is computed by `digestFor()` over the bytes to sign followed by `signatureTrailer()`. */
  digests: z
    .array(z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'a digest is 32 bytes in base64'))
    .min(1)
    .max(1000),
})
export type SignRequest = z.input<typeof SignRequest>

export const SignAnswer = z.object({
  algorithm: KeyAlgorithm,
  /** OpenPGP v4 signature packets, in base64, in the order of the digests. */
  signatures: z.array(z.base64()),
})
export type SignAnswer = z.infer<typeof SignAnswer>

export const RotateRequest = z.object({
  /**
   * Fingerprint of the key to replace. If that is no longer the current key, nothing changes, so that a retry does not rotate the key
   * twice.
   */
  fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
})
export type RotateRequest = z.infer<typeof RotateRequest>

export const ChangedKeys = z.object({
  keys: z.array(z.object({ owner: z.string(), project: z.string() })),
})
export type ChangedKeys = z.infer<typeof ChangedKeys>

export const SignatureLog = z.object({
  entries: z.array(
    z.object({
      id: z.number().int(),
      at: z.iso.datetime(),
      caller: z.string(),
      owner: z.string(),
      project: z.string(),
      fingerprint: z.string(),
      purpose: z.string(),
      names: z.array(z.string()),
      count: z.number().int(),
      request_id: z.string().nullable(),
    }),
  ),
})
export type SignatureLog = z.infer<typeof SignatureLog>

export const LogVerdict = z.object({
  entries: z.number().int(),
  /**
   * Hash of the last entry, in hexadecimal. Comparing it with a copy kept elsewhere also reveals whether the end of the log was cut off.
   */
  head: z.string(),
  /** ID of the first entry whose hash does not follow from the previous entry; null if the chain is intact. */
  broken_at: z.number().int().nullable(),
})
export type LogVerdict = z.infer<typeof LogVerdict>

/** Purposes of a sealed secret. A caller that may open secrets of one purpose must not be able to open the others. */
export const SecretPurpose = z.enum(['webhook', 'git', 'forge', 'outgoing'])
export type SecretPurpose = z.infer<typeof SecretPurpose>

const SecretContext = {
  purpose: SecretPurpose,
  /** Identifies the row that stores the secret: after being copied to another row, a sealed secret cannot be opened. */
  context: z.string().min(1).max(4000),
}

export const SealRequest = z.object({ ...SecretContext, secret: z.string().min(1).max(100_000) })
export type SealRequest = z.infer<typeof SealRequest>

/** The response with the sealed secret in base64. */
export const SealAnswer = z.object({ sealed: z.base64() })

export const OpenRequest = z.object({ ...SecretContext, sealed: z.base64().max(200_000) })
export type OpenRequest = z.infer<typeof OpenRequest>

export const OpenAnswer = z.object({ secret: z.string() })
