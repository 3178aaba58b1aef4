import { KeygenRight } from '@copr/contract/configuration/keygen-config'
import { sameSecret } from '@copr/process/http-server'
import type { Identify } from './caller.ts'

/** Gives every right to any caller with the secret: meant for components on one machine. */
export function sharedSecret(secret: string): Identify {
  return async (token) =>
    sameSecret(token, secret) ? { name: 'secret', rights: KeygenRight.options } : undefined
}
