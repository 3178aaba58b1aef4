import { createHash, randomBytes, randomInt } from 'node:crypto'

/** Goes into a cookie or a link. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Lower-case letters: what copr-cli's configuration has had for login and token ever since. */
export function randomLetters(count: number): string {
  return Array.from({ length: count }, () => String.fromCharCode(97 + randomInt(26))).join('')
}

/** The hash that the database stores. The secrets are long and random, so a slow password hash would add nothing. */
export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
