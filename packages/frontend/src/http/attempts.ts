import type { LoginAttempt } from '@copr/domain/logins/login-throttle'
import type { Counted } from '@copr/process/attempts'
import { addressKey } from '@copr/process/client-address'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
import { clientAddress } from './client-address.ts'

type Site = Pick<Frontend, 'attempts' | 'config'>

interface Attempt<T> {
  counted: Counted[]
  /** The secret, together with the login or project that it belongs to. */
  credential: string
  /** Verifies the secret; returns undefined if it is wrong. */
  look: () => Promise<T | undefined>
}

/** Verifies a secret. After too many recent failures, responds with 429 without verifying it. */
export async function attempt<T>(
  { attempts }: Pick<Frontend, 'attempts'>,
  { counted, credential, look }: Attempt<T>,
): Promise<T | undefined> {
  const seconds = attempts.wait(counted, credential)
  if (seconds > 0) throw tooManyAttempts(seconds)
  const found = await look()
  if (found === undefined) attempts.failed(counted, credential)
  else attempts.succeeded(credential)
  return found
}

/** Describes a login attempt with a password: the user name and the client's address. */
export function loginAttempt(c: Context, site: Site, username: string): LoginAttempt {
  const address = clientAddress(c, site)
  const login = { username, address: address && addressKey(address) }
  return { ...login, is_known: site.attempts.hasSucceeded(proofOf(login)) }
}

/** The key that records a successful login of this user from this address. */
export function proofOf({ username, address }: LoginAttempt): string {
  return `login ${username.toLowerCase()} from ${address ?? 'unknown'}`
}

export function tooMany(until: Date, now: Date): { message: string; retry_after: number } {
  const seconds = Math.ceil((until.getTime() - now.getTime()) / 1000)
  return { message: tooManyAttempts(seconds).message, retry_after: seconds }
}

function tooManyAttempts(seconds: number): CoprError {
  return new CoprError(
    'too_many',
    `Too many failed attempts: try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}`,
    { retry_after: seconds },
  )
}

/** Counters of failed attempts with tokens: one per client address, and one per token across all addresses. */
export function countedToken(c: Context, site: Site, login: string): Counted[] {
  return [
    { key: `token from ${addressOf(c, site)}`, free: 30 },
    { key: `token ${login}`, free: 20 },
  ]
}

/** Counters of webhook failures. A forge uses a few addresses for all projects; a project with a wrong secret must not block the others. */
export function countedWebhook(c: Context, site: Site, project: string): Counted[] {
  const from = addressOf(c, site)
  return [
    { key: `webhook ${project} from ${from}`, free: 20 },
    { key: `webhook ${project}`, free: 200 },
    { key: `webhook from ${from}`, free: 300 },
  ]
}

export function countedLink(c: Context, site: Site): Counted[] {
  return [{ key: `link from ${addressOf(c, site)}`, free: 20 }]
}

function addressOf(c: Context, site: Site): string {
  return addressKey(clientAddress(c, site))
}
