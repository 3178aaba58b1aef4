/**
 * The protocol of keygen. Digests go in, OpenPGP signatures come out; private keys never leave.
 *
 * | method and path | body → answer |
 * | --- | --- |
 * | `POST /keys` | {@link MakeKeyRequest} → {@link PublicKeyAnswer}; the same key when it exists |
 * | `GET /keys/:owner/:project` | → {@link PublicKeyAnswer}; 404 |
 * | `GET /keys?changed_since=UNIX` | → {@link ChangedKeys}: created, extended or rotated since then |
 * | `POST /keys/:owner/:project/rotate` | {@link RotateRequest} → {@link PublicKeyAnswer}: a new key, or the current one on a retry |
 * | `POST /sign` | {@link SignRequest} → {@link SignAnswer} |
 * | `GET /signatures?owner=&project=` | → {@link SignatureLog}: the latest first |
 * | `POST /signatures/check` | → {@link LogVerdict}: whether the chain of the log is whole |
 * | `GET /health` | → `{"ok": true}`, without a secret; 503 while the key table is out of reach |
 *
 * Every request but `/health` carries `Authorization: Bearer …`: the secret, or a service account's token with keygen's
 * audience. Errors are `{"error": "…"}` with status 400 (bad request, or `created_at` more than ten minutes from keygen's
 * clock), 401, 403 (the caller lacks the right, or the ticket is not good), 404 (no such key), 409 (the key was rotated),
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
  /** ASCII-armoured. */
  public_key: z.string(),
  /** Unix seconds. */
  created_at: z.number().int(),
  expires_at: z.number().int(),
})
export type PublicKeyAnswer = z.infer<typeof PublicKeyAnswer>

export const SignRequest = z.object({
  owner: OwnerName,
  project: ProjectName,
  /** The subject of the signatures, for the log: a build task or a repository. */
  purpose: z.string().max(300),
  /** The names of the signed files, for the log. */
  names: z.array(z.string().max(300)).max(1000).default([]),
  /** From the database: for exactly these digests, to be used once. */
  ticket: z.uuid(),
  /** Fingerprint of the key for which the digests were computed. */
  fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
  /** Unix seconds: the signatures' creation time, which the digests cover. */
  created_at: z.number().int(),
  /** SHA-256, base64, of the signed bytes followed by `signatureTrailer()`: `digestFor()` in openpgp-signature.ts. */
  digests: z
    .array(z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'a digest is 32 bytes in base64'))
    .min(1)
    .max(1000),
})
export type SignRequest = z.input<typeof SignRequest>

export const SignAnswer = z.object({
  algorithm: KeyAlgorithm,
  /** OpenPGP v4 signature packets, base64, in the order of the digests. */
  signatures: z.array(z.base64()),
})
export type SignAnswer = z.infer<typeof SignAnswer>

export const RotateRequest = z.object({
  /** Fingerprint of the key to replace. If it is no longer the current key, nothing changes, so a retry does not rotate twice. */
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
  /** Hash of the last entry, hexadecimal: kept elsewhere, it also tells when the log's end was cut off. */
  head: z.string(),
  /** The first entry that does not fit the one before. */
  broken_at: z.number().int().nullable(),
})
export type LogVerdict = z.infer<typeof LogVerdict>
