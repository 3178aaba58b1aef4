import type { Identity } from '@copr/domain/logins/oidc-login'
import { z } from 'zod'

/** State that the browser keeps, in a signed cookie, between the redirect to the provider and the callback. */
export const PendingLogin = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  code_verifier: z.string(),
  next: z.string(),
})
export type PendingLogin = z.infer<typeof PendingLogin>

/** Client of an identity provider. */
export interface ProviderClient {
  /** Starts a login; returns the URL to which the browser is redirected, and the state to keep. */
  begin(next: string): Promise<{ url: string; pending: PendingLogin }>
  /** Returns the user who logged in. Throws CoprError `invalid` if the response does not belong to this login. */
  finish(
    query: string,
    pending: PendingLogin,
  ): Promise<{ identity: Identity; id_token: string | undefined }>
  /** Returns the URL that logs the user out at the provider; undefined if the provider does not support that. */
  logoutUrl(id_token: string): Promise<string | undefined>
  /** A secret that only this site and the provider know; signs the cookies of pending logins. */
  secret(): Promise<string>
}
