import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)
const SALT_BYTES = 16
const HASH_BYTES = 32

/** `salt:hash`, both in base64: what the database keeps of a password. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, HASH_BYTES)
  return `${salt.toString('base64')}:${hash.toString('base64')}`
}

/** Compares in a time that tells nothing; without a stored hash it takes as long and is false. */
export async function checkPassword(password: string, stored: string | null): Promise<boolean> {
  const [salt = '', hash = ''] = (stored ?? '').split(':')
  const wanted = Buffer.from(hash, 'base64')
  const found = await derive(password, Buffer.from(salt, 'base64'), HASH_BYTES)
  return wanted.length === HASH_BYTES && timingSafeEqual(found, wanted)
}
