import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

/** A user of the provider; changes take effect at the next login. */
interface Person {
  sub: string
  preferred_username: string
  email: string
  groups: string[]
}

export interface IdentityProvider extends AsyncDisposable {
  issuer: string
  client: { client_id: string; client_secret: string }
  people: Map<string, Person>
  /** Key in `people` of the user who logs in next; if undefined, the login is denied. */
  who: string | undefined
}

/** Starts a real OpenID Connect provider on a free port. The user `who` logs in there without a password. */
export async function startIdentityProvider(public_url: string): Promise<IdentityProvider> {
  const client = { client_id: 'copr', client_secret: 'a secret of the site and the provider' }
  const people = new Map<string, Person>()
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [
      {
        ...client,
        redirect_uris: [`${public_url}/oidc_auth/`],
        post_logout_redirect_uris: [`${public_url}/`],
      },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] },
    cookies: { keys: ['a key of the tests'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    pkce: { required: () => true },
    findAccount: (_, accountId) => {
      const person = people.get(accountId)
      return person && { accountId, claims: () => ({ ...person }) }
    },
  })
  const result: IdentityProvider = {
    issuer,
    client,
    people,
    who: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  const callback = provider.callback()

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!request.url?.startsWith('/interaction/')) return await callback(request, response)
    await provider.interactionFinished(request, response, await decide(request, response))
  }

  async function decide(request: IncomingMessage, response: ServerResponse) {
    const { prompt, params, session } = await provider.interactionDetails(request, response)
    if (result.who === undefined)
      return { error: 'access_denied', error_description: 'The user denied access' }
    if (prompt.name === 'login') return { login: { accountId: result.who } }
    const accountId = session?.accountId ?? ''
    const grant = new provider.Grant({ accountId, clientId: String(params['client_id']) })
    grant.addOIDCScope(String(params['scope']))
    return { consent: { grantId: await grant.save() } }
  }
  return result
}
