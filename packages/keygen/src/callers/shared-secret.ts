import { sameSecret } from '@copr/process/http-server'
import type { Identify } from './caller.ts'

/** Whoever knows the secret may do everything: for parts on one machine. */
export function sharedSecret(secret: string): Identify {
  return async (token) =>
    sameSecret(token, secret)
      ? { name: 'secret', rights: ['make', 'sign', 'administer'] }
      : undefined
}
