import { createHash, randomBytes, randomInt } from 'node:crypto'

/** Goes into a cookie or a link. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Lower-case letters: what copr-cli's configuration has had for login and token ever since. */
export function randomLetters(count: number): string {
  return Array.from({ length: count }, () => String.fromCharCode(97 + randomInt(26))).join('')
}

/** What the database keeps: the secrets are random and long, so that a slow hash adds nothing. */
export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
