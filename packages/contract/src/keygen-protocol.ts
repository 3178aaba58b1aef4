/**
 * What the backend says to keygen. Digests go in, OpenPGP signatures come out; private keys never leave.
 *
 * | method and path | body → answer |
 * | --- | --- |
 * | `POST /keys` | {@link MakeKeyRequest} → {@link PublicKeyAnswer}; the same key when it exists |
 * | `GET /keys/:owner/:project` | → {@link PublicKeyAnswer}; 404 |
 * | `POST /sign` | {@link SignRequest} → {@link SignAnswer} |
 * | `GET /health` | → `{"ok": true}`, without a secret; 503 while the key table is out of reach |
 *
 * Every request but `/health` carries `Authorization: Bearer SECRET`. Errors are `{"error": "…"}` with status 400
 * (bad request, or `created_at` more than ten minutes from keygen's clock), 401, 404 (no such key), or 503 (try again).
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
  /** What is signed, for the audit log: a task id or a repository. */
  purpose: z.string().max(300),
  /** Unix seconds: the signatures' creation time, which the digests cover. */
  created_at: z.number().int(),
  /** SHA-256, base64, of the signed bytes followed by `signatureTrailer()`: `digestFor()` in openpgp-signature.ts. */
  digests: z
    .array(z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'a digest is 32 bytes in base64'))
    .min(1)
    .max(1000),
})
export type SignRequest = z.infer<typeof SignRequest>

export const SignAnswer = z.object({
  algorithm: KeyAlgorithm,
  /** OpenPGP v4 signature packets, base64, in the order of the digests. */
  signatures: z.array(z.base64()),
})
export type SignAnswer = z.infer<typeof SignAnswer>
