import { CoprError } from '@copr/process/errors'
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const SALT_BYTES = 16
const HASH_BYTES = 32
/** Limits on the length of passwords, in characters. The minimum makes passwords strong; the maximum bounds the cost of the slow hash. */
const LENGTHS = { min: 10, max: 1000 }

/** Throws `invalid` if a password that a user has chosen is too easy to guess. */
export function requireGoodPassword(password: string, username: string): void {
  const refuse = (why: string): CoprError =>
    new CoprError('invalid', `Cannot use this password: ${why}`)
  if (password.length < LENGTHS.min) throw refuse(`it must have at least ${LENGTHS.min} characters`)
  if (password.length > LENGTHS.max) throw refuse(`it has more than ${LENGTHS.max} characters`)
  if (password.toLowerCase() === username.toLowerCase()) throw refuse('it is the user name')
  if (new Set(password).size < 4) throw refuse('it repeats a few characters')
}

/** Hashes a password for the database; returns `salt:hash`, both in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, HASH_BYTES)
  return `${salt.toString('base64')}:${hash.toString('base64')}`
}

/** Checks a password in constant time. Without a stored hash, takes equally long and returns false. */
export async function checkPassword(password: string, stored: string | null): Promise<boolean> {
  const [salt = '', hash = ''] = (stored ?? '').split(':')
  const wanted = Buffer.from(hash, 'base64')
  const found = await derive(password, Buffer.from(salt, 'base64'), HASH_BYTES)
  return wanted.length === HASH_BYTES && timingSafeEqual(found, wanted)
}
