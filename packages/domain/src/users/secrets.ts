import { createHash, randomBytes, randomInt } from 'node:crypto'

/** Returns a random secret for a cookie or a link. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Returns random lower-case letters, the format of login and token in the configuration of copr-cli. */
export function randomLetters(count: number): string {
  return Array.from({ length: count }, () => String.fromCharCode(97 + randomInt(26))).join('')
}

/** Returns the hash to store. The secrets are long and random, so a slow password hash would add nothing. */
export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
