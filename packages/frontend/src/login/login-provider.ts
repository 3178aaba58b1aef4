import type { Identity } from '@copr/domain/logins/oidc-login'
import { z } from 'zod'
import type { FrontendConfig } from '../frontend.ts'
import { oidcClient } from './oidc-client.ts'
import { openshiftClient } from './openshift-client.ts'

/** State that the browser keeps, in a signed cookie, between the redirect to the provider and the callback. */
export const PendingLogin = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  code_verifier: z.string(),
  next: z.string(),
})
export type PendingLogin = z.infer<typeof PendingLogin>

/** How the site talks to where users log in. */
export interface ProviderClient {
  /** Where the browser goes to log in. */
  begin(next: string): Promise<{ url: string; pending: PendingLogin }>
  /** Returns the user who logged in. Throws CoprError `invalid` if the response does not belong to this login. */
  finish(
    query: string,
    pending: PendingLogin,
  ): Promise<{ identity: Identity; id_token: string | undefined }>
  /** Where the browser goes to log out, if the provider wants to know. */
  logoutUrl(id_token: string): Promise<string | undefined>
  /** A secret that only this site and the provider know; signs the cookies of pending logins. */
  secret(): Promise<string>
}

/** An identity provider with its label, and the rules for password logins and for administrators of the site. */
export interface LoginProvider extends ProviderClient {
  label: string
  allow_local_login: boolean
  admin_group: string | undefined
}

/** Where users log in besides with passwords; undefined: nowhere. */
export function loginProvider({
  oidc,
  openshift_login,
  public_url,
}: Pick<FrontendConfig, 'oidc' | 'openshift_login' | 'public_url'>): LoginProvider | undefined {
  const settings = oidc ?? openshift_login
  if (!settings) return undefined
  const { label, allow_local_login, admin_group } = settings
  const redirect_uri = `${public_url}/oidc_auth/`
  const client = oidc
    ? oidcClient(oidc, { public_url, redirect_uri })
    : openshiftClient(openshift_login!, redirect_uri)
  return { ...client, label, allow_local_login, admin_group }
}
