import { randomBytes } from 'node:crypto'

const SECRET_BYTES = 32

/** Returns a new signing secret in the format of Standard Webhooks: `whsec_` and the key in base64. */
export function randomSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
}
