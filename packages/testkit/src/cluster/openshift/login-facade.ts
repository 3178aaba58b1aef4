import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Identity } from '../start-cluster.ts'

export interface LoginFacade extends AsyncDisposable {
  kubeconfig: string
}

interface Kubeconfig {
  clusters: { cluster: Record<string, string> }[]
  users: { user: Record<string, string> }[]
}

/**
 * Starts a proxy in front of the API server that is authenticated as one user. It adds what Kubernetes cannot serve: the metadata of
 * OpenShift's OAuth server. Other requests are forwarded unchanged.
 */
export async function startLoginFacade(
  who: Identity,
  dir: string,
  issuer: string,
): Promise<LoginFacade> {
  const config = JSON.parse(readFileSync(who.kubeconfig, 'utf8')) as Kubeconfig
  const cluster = config.clusters[0]?.cluster ?? {}
  const user = config.users[0]?.user ?? {}
  const decoded = (text = ''): string => Buffer.from(text, 'base64').toString()
  const options = {
    ca: decoded(cluster['certificate-authority-data']),
    cert: decoded(user['client-certificate-data']),
    key: decoded(user['client-key-data']),
    ...(cluster['tls-server-name'] ? { servername: cluster['tls-server-name'] } : {}),
  }
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
  }
  const server = createServer((asked, response) => {
    if (asked.url === '/.well-known/oauth-authorization-server') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(metadata))
      return
    }
    const { host: _, ...headers } = asked.headers
    const url = `${cluster['server']}${asked.url}`
    const onward = request(
      url,
      { ...options, method: asked.method ?? 'GET', headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        pipeline(answer, response).catch(() => response.destroy())
      },
    )
    onward.once('error', () => response.destroy())
    pipeline(asked, onward).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const kubeconfig = join(mkdtempSync(join(dir, 'facade-')), 'kubeconfig')
  // Clients accept plain HTTP only with this setting.
  const plain = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true }
  const clusters = [{ name: 'test', cluster: plain }]
  writeFileSync(
    kubeconfig,
    JSON.stringify({ ...config, clusters, users: [{ name: who.name, user: {} }] }),
  )
  return {
    kubeconfig,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
