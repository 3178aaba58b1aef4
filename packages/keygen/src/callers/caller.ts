import type { KeygenRight } from '@copr/contract/configuration/keygen-config'
import { CoprError } from '@copr/process/errors'
import type { Context, MiddlewareHandler } from 'hono'

/** An authenticated caller and its rights. */
export interface Caller {
  /** The caller's name in the log: `secret`, or the service account. */
  name: string
  rights: readonly KeygenRight[]
}

/**
 * Identifies a caller by its bearer token. Returns undefined for a token that it does not accept. Throws if it cannot check the token at
 * the moment.
 */
export type Identify = (token: string) => Promise<Caller | undefined>

export type KeygenEnv = { Variables: { caller: Caller } }

/** Refuses a request unless one of `ways` identifies its caller. */
export function requireCaller(ways: Identify[]): MiddlewareHandler<KeygenEnv> {
  return async (c, next) => {
    const token = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1] ?? ''
    for (const identify of token === '' ? [] : ways) {
      const caller = await identify(token)
      if (!caller) continue
      c.set('caller', caller)
      return await next()
    }
    throw new CoprError(
      'unauthenticated',
      'Cannot authenticate: the bearer token is missing or wrong',
    )
  }
}

export function requireRight(c: Context<KeygenEnv>, right: KeygenRight): Caller {
  const caller = c.get('caller')
  if (!caller.rights.includes(right))
    throw new CoprError(
      'forbidden',
      `${caller.name} is not allowed to do this: it lacks the right ${right}`,
    )
  return caller
}
