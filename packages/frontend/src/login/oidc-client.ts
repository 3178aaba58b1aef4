import type { Identity } from '@copr/domain/logins/oidc-login'
import { CoprError } from '@copr/process/errors'
import * as oidc from 'openid-client'
import type { FrontendConfig } from '../frontend.ts'
import type { ProviderClient } from './provider-client.ts'

type OidcConfig = NonNullable<FrontendConfig['oidc']>

/**
 * Logs users in through an OpenID Connect provider with the authorization code flow and PKCE. The provider is contacted only when needed.
 */
export function oidcClient(
  config: OidcConfig,
  { public_url, redirect_uri }: { public_url: string; redirect_uri: string },
): ProviderClient {
  let discovered: Promise<oidc.Configuration> | undefined

  /** The provider's metadata, fetched once; a failed request is retried at the next login. */
  async function provider(): Promise<oidc.Configuration> {
    const issuer = new URL(config.issuer)
    const execute = issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : []
    discovered ??= oidc.discovery(issuer, config.client_id, config.client_secret, undefined, {
      execute,
      timeout: 10,
    })
    try {
      return await discovered
    } catch (cause) {
      discovered = undefined
      throw unreachable(cause)
    }
  }

  return {
    async begin(next) {
      const code_verifier = oidc.randomPKCECodeVerifier()
      const pending = { state: oidc.randomState(), nonce: oidc.randomNonce(), code_verifier, next }
      const url = oidc.buildAuthorizationUrl(await provider(), {
        redirect_uri,
        scope: config.scopes.join(' '),
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(code_verifier),
        code_challenge_method: 'S256',
      })
      return { url: url.href, pending }
    },

    async finish(query, { state, nonce, code_verifier }) {
      const at = await provider()
      try {
        const tokens = await oidc.authorizationCodeGrant(at, new URL(`${redirect_uri}${query}`), {
          pkceCodeVerifier: code_verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        })
        const claims = tokens.claims()
        if (!claims) throw new Error('the provider sent no ID token')
        const more = at.serverMetadata().userinfo_endpoint
          ? await oidc.fetchUserInfo(at, tokens.access_token, claims.sub)
          : {}
        const identity = identityOf(config, claims.iss, { ...claims, ...more })
        return { identity, id_token: tokens.id_token }
      } catch (cause) {
        throw refused(cause)
      }
    },

    async logoutUrl(id_token) {
      const at = await provider()
      if (!at.serverMetadata().end_session_endpoint) return undefined
      const post_logout_redirect_uri = `${public_url}/`
      return oidc.buildEndSessionUrl(at, { id_token_hint: id_token, post_logout_redirect_uri }).href
    },

    secret: async () => config.client_secret,
  }
}

function identityOf(
  { username_claim, groups_claim }: OidcConfig,
  issuer: string,
  claims: Record<string, unknown>,
): Identity {
  const username = claims[username_claim]
  if (typeof username !== 'string' || username === '')
    throw new CoprError(
      'invalid',
      `Cannot log in: the identity provider returned no claim "${username_claim}". Ask the administrator of this site`,
    )
  const groups = claims[groups_claim]
  const { email } = claims
  return {
    issuer,
    subject: String(claims['sub']),
    username,
    email: typeof email === 'string' ? email : null,
    groups: Array.isArray(groups) ? groups.filter((each) => typeof each === 'string') : [],
  }
}

function unreachable(cause: unknown): CoprError {
  return new CoprError(
    'bad_gateway',
    'Cannot log in: the identity provider is unreachable. Try again in a minute',
    { cause },
  )
}

/**
 * Maps a failed login to an error: if the login was refused or the response belongs to another login, the error is `invalid`, otherwise
 * `bad_gateway`.
 */
function refused(cause: unknown): unknown {
  if (cause instanceof CoprError) return cause
  if (cause instanceof oidc.AuthorizationResponseError)
    return new CoprError(
      'invalid',
      `Cannot log in: the identity provider refused: ${cause.error_description ?? cause.error}`,
      { cause },
    )
  if (cause instanceof oidc.ResponseBodyError || cause instanceof oidc.ClientError)
    return new CoprError(
      'invalid',
      'Cannot log in: the identity provider’s response does not match this login. Log in again',
      { cause },
    )
  return unreachable(cause)
}
