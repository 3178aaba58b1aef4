import { createHash } from 'node:crypto'
import type { MasterKey } from '@copr/contract/configuration/keygen-config'
import type { KeyWrapper } from './key-wrapper.ts'
import { pipe } from './pipe.ts'

/** A master key in a KMS or a vault. It is used through the provider's own client program. */
export function commandKey({ encrypt, decrypt }: NonNullable<MasterKey['command']>): KeyWrapper {
  const words = JSON.stringify([encrypt, decrypt])
  return {
    id: `command:${createHash('sha256').update(words).digest('hex').slice(0, 32)}`,
    wrap: (context, secret) => pipe(encrypt, bind(context, secret)),
    async unwrap(context, wrapped) {
      return unbind(context, await pipe(decrypt, wrapped))
    },
  }
}

/**
 * Prepends a hash of the data key's name, so that a key can be opened only in its own row. The clients of KMSs and vaults do not support
 * additional authenticated data.
 */
function bind(context: string, secret: Buffer): Buffer {
  return Buffer.concat([createHash('sha256').update(context).digest(), secret])
}

function unbind(context: string, bound: Buffer): Buffer {
  const name = createHash('sha256').update(context).digest()
  if (!bound.subarray(0, name.length).equals(name))
    throw new Error(`Cannot decrypt ${context}: it was sealed with another master key, or altered`)
  return bound.subarray(name.length)
}
