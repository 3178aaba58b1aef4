import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { trustAuthorities } from '@copr/process/trust'
import { makeAuthority } from '@copr/testkit/cluster/certificates'

interface Person {
  name: string
  uid: string
  groups: string[]
}

interface Grant {
  redirect_uri: string
  scope: string
  code_challenge: string
  person: Person
  isExpired: boolean
}

export interface OpenshiftOauth extends AsyncDisposable {
  /** Values of `openshift_login` in the site's configuration. */
  login: { api_url: string; client_id: string; client_secret_file: string }
  /** The issuer that the API server reports. Tests change it to simulate an administrator who changes the Route of the OAuth server. */
  issuer: string
  /** The user who is logged in to the cluster. If undefined, the user denies access to the site. */
  who: Person | undefined
  /** Whether the cluster has an OAuth server; clusters that use an OpenID Connect provider directly have none. */
  hasServer: boolean
  /** Replaces the token of the service account; with `updatesFile`, also writes it to the site's secret file. */
  renewToken(options: { updatesFile: boolean }): void
  /** Expires all authorization codes that were issued. */
  expireCodes(): void
  /** Number of uses of each access token. */
  used: Map<string, number>
}

const CLIENT = 'system:serviceaccount:copr:login'
const SCOPES = ['user:info', 'user:check-access', 'user:list-scoped-projects', 'user:list-projects']
const DENIED = 'The resource owner or authorization server denied the request.'

/**
 * Starts a fake of OpenShift's OAuth server and of those endpoints of the API server that a login uses. It serves HTTPS with its own CA,
 * which this process trusts until the fixture is disposed. As in OpenShift, the client is a service account with one redirect URI, its
 * secret is one of the account's tokens, and a client ID in the Authorization header is cut at its first colon, so service accounts cannot
 * authenticate with that header.
 */
export async function startOpenshiftOauth(redirect_uri: string): Promise<OpenshiftOauth> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-oauth-'))
  const authority = await makeAuthority(dir, 'router-ca')
  const pair = await authority.forServer('server', ['127.0.0.1'])
  const trust = trustAuthorities([authority.certFile])
  const client_secret_file = join(dir, 'token')
  const grants = new Map<string, Grant>()
  const tokens = new Map<string, { person: Person; scope: string }>()
  let secret = ''

  const api = await serve(pair, apiServer)
  const oauth = await serve(pair, oauthServer)
  const result: OpenshiftOauth = {
    login: { api_url: api.url, client_id: CLIENT, client_secret_file },
    issuer: oauth.url,
    who: undefined,
    hasServer: true,
    used: new Map(),
    renewToken({ updatesFile }) {
      secret = `eyJ.${randomBytes(30).toString('base64url')}.sig`
      if (updatesFile) writeFileSync(client_secret_file, `${secret}\n`)
    },
    expireCodes: () => grants.forEach((grant) => (grant.isExpired = true)),
    async [Symbol.asyncDispose]() {
      trust[Symbol.dispose]()
      await Promise.all([api.close(), oauth.close()])
      rmSync(dir, { recursive: true })
    },
  }
  result.renewToken({ updatesFile: true })
  return result

  function apiServer({ url, headers }: IncomingMessage, response: ServerResponse): void {
    if (url === '/.well-known/oauth-authorization-server' && result.hasServer)
      return json(response, 200, {
        issuer: result.issuer,
        authorization_endpoint: `${oauth.url}/oauth/authorize`,
        token_endpoint: `${oauth.url}/oauth/token`,
        scopes_supported: SCOPES,
        response_types_supported: ['code', 'token'],
        grant_types_supported: ['authorization_code', 'implicit'],
        code_challenge_methods_supported: ['plain', 'S256'],
      })
    if (url !== '/apis/user.openshift.io/v1/users/~') return json(response, 404, status(404))
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
    const known = tokens.get(token)
    if (!known) return json(response, 401, status(401))
    result.used.set(token, (result.used.get(token) ?? 0) + 1)
    if (!known.scope.split(' ').includes('user:info')) return json(response, 403, status(403))
    const { name, uid, groups } = known.person
    json(response, 200, {
      kind: 'User',
      apiVersion: 'user.openshift.io/v1',
      metadata: { name, uid, creationTimestamp: null },
      identities: [`htpasswd:${name}`],
      groups: [...groups, 'system:authenticated:oauth'],
    })
  }

  async function oauthServer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', oauth.url)
    if (pathname === '/oauth/authorize') return authorize(searchParams, response)
    if (pathname !== '/oauth/token' || request.method !== 'POST') return json(response, 404, {})
    const body = new URLSearchParams(await text(request))
    exchange(body, request.headers.authorization, response)
  }

  function authorize(query: URLSearchParams, response: ServerResponse): void {
    const asked = Object.fromEntries(query)
    if (asked['client_id'] !== CLIENT) return fail(response, 'unauthorized_client')
    if (asked['redirect_uri'] !== redirect_uri) return fail(response, 'invalid_request')
    const back = (answer: Record<string, string>): void => {
      const to = new URL(redirect_uri)
      to.search = new URLSearchParams({ ...answer, state: asked['state'] ?? '' }).toString()
      response.writeHead(302, { location: to.href }).end()
    }
    if (asked['response_type'] !== 'code') return back({ error: 'unsupported_response_type' })
    const scope = asked['scope'] ?? ''
    if (!scope.split(' ').every((each) => SCOPES.includes(each)))
      return back({ error: 'invalid_scope', error_description: `scopes denied: ${scope}` })
    if (!result.who) return back({ error: 'access_denied', error_description: DENIED })
    const code = `sha256~${randomBytes(32).toString('base64url')}`
    const code_challenge = asked['code_challenge_method'] === 'S256' ? asked['code_challenge'] : ''
    const person = result.who
    const grant = { redirect_uri, scope, person, isExpired: false }
    grants.set(code, { ...grant, code_challenge: code_challenge ?? '' })
    back({ code })
  }

  function exchange(
    body: URLSearchParams,
    authorization: string | undefined,
    response: ServerResponse,
  ): void {
    if (body.get('grant_type') !== 'authorization_code')
      return fail(response, 'unsupported_grant_type')
    const auth = body.has('client_secret')
      ? [body.get('client_id'), body.get('client_secret')]
      : basicOf(authorization)
    if (!auth) return fail(response, 'invalid_request')
    if (auth[0] !== CLIENT || auth[1] !== secret) return fail(response, 'unauthorized_client')
    const code = body.get('code') ?? ''
    const grant = grants.get(code)
    if (!grant) return fail(response, 'unauthorized_client')
    if (grant.isExpired) return fail(response, 'invalid_grant')
    if (grant.redirect_uri !== body.get('redirect_uri')) return fail(response, 'invalid_request')
    const verifier = body.get('code_verifier') ?? ''
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    if (challenge !== grant.code_challenge) return fail(response, 'invalid_grant')
    grants.delete(code)
    const access_token = `sha256~${randomBytes(32).toString('base64url')}`
    tokens.set(access_token, grant)
    const { scope } = grant
    json(response, 200, { access_token, expires_in: 86_400, scope, token_type: 'Bearer' })
  }
}

function basicOf(authorization: string | undefined): [string, string] | undefined {
  const encoded = /^Basic (.+)$/.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const [name = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':')
  return [name, rest.join(':')]
}

function fail(response: ServerResponse, error: string): void {
  json(response, 400, { error, error_description: `${error}: described by the server` })
}

function status(code: number): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code }
}

function json(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function serve(
  { cert, key }: { cert: string; key: string },
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer({ cert, key }, (request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
