import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Distinguishes this format from later ones. */
const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Encrypts with AES-256-GCM, bound to `context`: a sealed value opens only with the same context. */
export function seal(key: Uint8Array, context: string, secret: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), sealed])
}

/** Returns the decrypted secret; throws if the key or the context differs, or if the bytes were altered. */
export function unseal(key: Uint8Array, context: string, sealed: Buffer): Buffer {
  if (sealed[0] !== VERSION) throw new Error(`Cannot decrypt ${context}: unknown form ${sealed[0]}`)
  const start = 1 + NONCE_BYTES + TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(1 + NONCE_BYTES, start))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(start)), decipher.final()])
  } catch (cause) {
    const message = `Cannot decrypt ${context}: it was sealed with another master key, or altered`
    throw new Error(message, { cause })
  }
}
