import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyAlgorithm } from '@copr/contract/keygen-protocol'

const generate = promisify(generateKeyPair)

/** Generates a private key as PKCS #8. RSA keys take seconds, so they are generated on a separate thread. */
export async function generatePrivateKey(algorithm: KeyAlgorithm): Promise<Buffer> {
  const { privateKey } =
    algorithm === 'rsa4096'
      ? await generate('rsa', { modulusLength: 4096, publicExponent: 0x10001 })
      : await generate('ed25519')
  return privateKey.export({ format: 'der', type: 'pkcs8' })
}

export function readPrivateKey(pkcs8: Buffer): KeyObject {
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
}
