import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createProxy } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type Authority, makeAuthority } from '@copr/testkit/cluster/certificates'
import { connect, connectInCluster } from './connect.ts'

function folderOf(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-connect-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Starts an API server with a certificate from the authority; each response reports the user who sent the request. */
async function serve(t: TestContext, authority: Authority, port = 0): Promise<Server> {
  const { cert, key } = await authority.forServer('server', ['127.0.0.1'])
  const tls = { cert, key, ca: authority.cert, requestCert: true }
  const server = createServer(tls, (asked, answer) => {
    const user = (asked.socket as TLSSocket).getPeerCertificate().subject?.CN
    answer.end(JSON.stringify({ user, authorization: asked.headers.authorization }))
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return server
}

interface Access {
  port: number
  ca: string
  user: object
  proxy?: string
}

function writeConfig(dir: string, { port, ca, user, proxy }: Access): string {
  const path = join(dir, 'config')
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority': ca,
    ...(proxy === undefined ? {} : { 'proxy-url': proxy }),
  }
  const config = {
    'current-context': 'x',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: 'secret', ...user } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

/** Starts a proxy that tunnels connections and records their targets. */
async function tunnels(t: TestContext): Promise<{ url: string; targets: string[] }> {
  const targets: string[] = []
  const proxy = createProxy()
    .on('connect', ({ url = '' }, client) => {
      targets.push(url)
      const { hostname, port } = new URL(`tcp://${url}`)
      const server = createConnection(Number(port), hostname, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        server.pipe(client).pipe(server)
      })
      // If one end of the tunnel fails, the other end is closed.
      server.on('error', () => client.destroy())
      client.on('error', () => server.destroy())
    })
    .listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close())
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, targets }
}

test('connect() uses the proxy of the kubeconfig, even for requests with an abort signal', async (t) => {
  const dir = folderOf(t)
  const authority = await makeAuthority(dir, 'authority')
  const { port } = (await serve(t, authority)).address() as AddressInfo
  const proxy = await tunnels(t)
  const { certFile, keyFile } = await authority.forUser('user', 'ana', [])
  const user = { 'client-certificate': certFile, 'client-key': keyFile }
  const access = { port, ca: authority.certFile, user, proxy: proxy.url }
  const api = await connect('tester', writeConfig(dir, access))
  const answer = { user: 'ana', authorization: 'Bearer secret' }
  assert.deepEqual(await api.request('GET', '/'), answer)
  const until = AbortSignal.timeout(60_000)
  assert.deepEqual(await api.until(until).request('GET', '/'), answer)
  assert.deepEqual(proxy.targets, [`127.0.0.1:${port}`, `127.0.0.1:${port}`])
})

test('connect() reads the certificate files of the kubeconfig again for each request, because they are rotated', async (t) => {
  const dir = folderOf(t)
  const old = await makeAuthority(dir, 'old')
  const server = await serve(t, old)
  const { port } = server.address() as AddressInfo
  const files = { ca: join(dir, 'ca'), cert: join(dir, 'cert'), key: join(dir, 'key') }
  const install = async (authority: Authority, name: string): Promise<void> => {
    const user = await authority.forUser('user', name, [])
    copyFileSync(authority.certFile, files.ca)
    copyFileSync(user.certFile, files.cert)
    copyFileSync(user.keyFile, files.key)
  }
  const kubeconfig = writeConfig(dir, {
    port,
    ca: files.ca,
    user: { 'client-certificate': files.cert, 'client-key': files.key },
  })
  await install(old, 'before')
  const api = await connect('tester', kubeconfig)
  const authorization = 'Bearer secret'
  assert.deepEqual(await api.request('GET', '/'), { user: 'before', authorization })

  server.close()
  await once(server, 'close')
  const renewed = await makeAuthority(dir, 'renewed')
  await serve(t, renewed, port)
  await assert.rejects(api.request('GET', '/'), { message: /^Cannot reach the cluster at/ })
  await install(renewed, 'after')
  assert.deepEqual(await api.request('GET', '/'), { user: 'after', authorization })
})

test('the error of connect() names a kubeconfig that it cannot read', async () => {
  await assert.rejects(connect('tester', '/nowhere/config'), {
    kind: 'invalid',
    message: /^Cannot read the kubeconfig: .*\/nowhere\/config/,
  })
})

test('connect() says how to log in if the kubeconfig has no cluster', async (t) => {
  const kubeconfig = join(folderOf(t), 'config')
  writeFileSync(kubeconfig, '{}')
  await assert.rejects(connect('tester', kubeconfig), {
    message: /^Cannot find a cluster: log in first/,
  })
})

test('connectInCluster() refuses to run outside of a cluster', async () => {
  assert.equal(process.env['KUBERNETES_SERVICE_HOST'], undefined)
  await assert.rejects(connectInCluster('tester'), { message: /^Cannot find the cluster: this/ })
})
