import type { FrontendConfig } from '../frontend.ts'
import { oidcClient } from './oidc-client.ts'
import { openshiftClient } from './openshift-client.ts'
import type { ProviderClient } from './provider-client.ts'

/** An identity provider with its label, and the rules for password logins and for site administrators. */
export interface LoginProvider extends ProviderClient {
  label: string
  allow_local_login: boolean
  admin_group: string | undefined
}

/**
 * Returns the identity provider through which users log in, either OpenID Connect or the cluster's OAuth server; undefined if users log in
 * only with passwords.
 */
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
