import type { Identity } from '@copr/domain/logins/oidc-login'
import { CoprError } from '@copr/process/errors'
import { lastGoodFile } from '@copr/process/replaced-file'
import * as oidc from 'openid-client'
import { z } from 'zod'
import type { FrontendConfig } from '../frontend.ts'
import type { ProviderClient } from './provider-client.ts'

type OpenshiftLogin = NonNullable<FrontendConfig['openshift_login']>

const TIMEOUT_MS = 10_000
/** The only scope needed: it identifies the user. A token with this scope can do nothing else, not even revoke itself. */
const SCOPE = 'user:info'
/** Groups that every user is in; they are ignored. */
const EVERYBODY = new Set([
  'system:authenticated',
  'system:authenticated:oauth',
  'system:unauthenticated',
])

const Metadata = z.object({
  issuer: z.url(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
})
const User = z.object({
  metadata: z.object({ name: z.string().min(1), uid: z.string().optional() }),
  groups: z.array(z.string()).nullish(),
})

/**
 * Logs users in through the OAuth server of OpenShift with the authorization code flow and PKCE. This is OAuth 2, not OpenID Connect: there
 * is no ID token, so the API server is queried for the user. The access token is used for this one request and then discarded; it expires
 * within a day.
 */
export function openshiftClient(config: OpenshiftLogin, redirect_uri: string): ProviderClient {
  const { api_url, client_id } = config
  const readToken = lastGoodFile(config.client_secret_file)

  /**
   * Returns the client configuration for the OAuth server. The server's metadata and the client's token are read again for each login,
   * because the server's address can change and the token is renewed.
   */
  async function server(): Promise<oidc.Configuration> {
    const answer = await ask(`${api_url}/.well-known/oauth-authorization-server`)
    const metadata = answer.ok ? Metadata.safeParse(await jsonOf(answer)).data : undefined
    if (!metadata)
      throw new CoprError(
        'bad_gateway',
        'Cannot log in: this cluster has no OAuth server. Ask the administrator of this site',
      )
    // The credentials are not sent in the Authorization header: there, the server cuts off the client ID at its first colon, and the client
    // ID of a service account contains colons.
    const auth = oidc.ClientSecretPost(await secret())
    const at = new oidc.Configuration(metadata, client_id, undefined, auth)
    at.timeout = TIMEOUT_MS / 1000
    return at
  }

  async function secret(): Promise<string> {
    try {
      return await readToken()
    } catch (cause) {
      throw new CoprError(
        'unavailable',
        `Cannot log in: this site has no token for ${client_id} yet. Ask the administrator of this site`,
        { cause },
      )
    }
  }

  return {
    async begin(next) {
      const code_verifier = oidc.randomPKCECodeVerifier()
      const pending = { state: oidc.randomState(), nonce: '', code_verifier, next }
      const url = oidc.buildAuthorizationUrl(await server(), {
        redirect_uri,
        scope: SCOPE,
        state: pending.state,
        code_challenge: await oidc.calculatePKCECodeChallenge(code_verifier),
        code_challenge_method: 'S256',
      })
      return { url: url.href, pending }
    },

    async finish(query, { state, code_verifier }) {
      const at = await server()
      const tokens = await oidc
        .authorizationCodeGrant(at, new URL(`${redirect_uri}${query}`), {
          pkceCodeVerifier: code_verifier,
          expectedState: state,
        })
        .catch((cause: unknown) => {
          throw refused(cause, client_id)
        })
      return { identity: await whoHas(tokens.access_token), id_token: undefined }
    },

    // OpenShift's logout page accepts no requests from other sites, so users stay logged in to the cluster.
    logoutUrl: async () => undefined,
    secret,
  }

  async function whoHas(token: string): Promise<Identity> {
    const answer = await ask(`${api_url}/apis/user.openshift.io/v1/users/~`, token)
    if (!answer.ok)
      throw new CoprError(
        'bad_gateway',
        `Cannot log in: the cluster did not return your user name (HTTP status ${answer.status}). Try again in a minute`,
      )
    const user = User.safeParse(await jsonOf(answer))
    if (!user.success) throw unreachable(user.error)
    const { name, uid } = user.data.metadata
    return {
      // This is not the OAuth server's issuer: cluster administrators can change that server's address, and users must keep their identity.
      issuer: `openshift:${api_url}`,
      subject: uid || name,
      // Names such as kube:admin contain colons, which user names of this site cannot contain.
      username: name.replaceAll(':', '_'),
      email: null,
      groups: (user.data.groups ?? []).filter((group) => !EVERYBODY.has(group)),
    }
  }
}

async function jsonOf(answer: Response): Promise<unknown> {
  return await answer.json().catch(() => undefined)
}

async function ask(url: string, token?: string): Promise<Response> {
  try {
    return await fetch(url, {
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (cause) {
    throw unreachable(cause)
  }
}

function unreachable(cause: unknown): CoprError {
  return new CoprError(
    'bad_gateway',
    'Cannot log in: the cluster is unreachable. Try again in a minute',
    { cause },
  )
}

function refused(cause: unknown, client_id: string): CoprError {
  const invalid = (why: string): CoprError =>
    new CoprError('invalid', `Cannot log in: ${why}`, { cause })
  if (cause instanceof oidc.AuthorizationResponseError)
    return cause.error === 'access_denied'
      ? invalid('you did not allow this site to read your user name')
      : invalid(`OpenShift refused: ${cause.error_description ?? cause.error}`)
  if (cause instanceof oidc.ResponseBodyError) {
    if (cause.error === 'invalid_grant' || cause.error === 'access_denied')
      return invalid('this login has expired. Log in again')
    // OpenShift returns the same error for a code that was already used and for an invalid token of the service account.
    if (cause.error === 'unauthorized_client')
      return invalid(
        `OpenShift does not know this login, or does not accept the token of ${client_id}. Log in again; if that fails too, ask the administrator of this site`,
      )
    return invalid(`OpenShift refused: ${cause.error_description ?? cause.error}`)
  }
  if (cause instanceof oidc.ClientError && cause.code !== 'OAUTH_TIMEOUT')
    return invalid('OpenShift’s response does not match this login. Log in again')
  return unreachable(cause)
}
