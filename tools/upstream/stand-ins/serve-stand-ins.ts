import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import { gitServer } from '../../../packages/builder/src/testing/git-server.ts'
import { dnsAnswer } from './dns-answer.ts'

export interface StandInSite {
  /** The directory that makeStandIns() filled. */
  dir: string
  address: string
  hosts: readonly string[]
  /** Host → the listener that responds to its requests. All other hosts serve files from the directory. */
  programs: Readonly<Record<string, RequestListener>>
  /** Paths of PEM files. */
  tls: { cert: string; key: string }
}

/** Serves the stand-ins over HTTP and HTTPS, and resolves their names over DNS, until the process ends. */
export async function serveStandIns({
  dir,
  address,
  hosts,
  programs,
  tls,
}: StandInSite): Promise<void> {
  const known = new Set(hosts)
  const files = serveFiles(dir, known)
  const listener: RequestListener = (request, response) =>
    (programs[hostOf(request)] ?? files)(request, response)
  const secure = { cert: readFileSync(tls.cert), key: readFileSync(tls.key) }
  for (const [server, port] of [
    [createServer(listener), 80],
    [https.createServer(secure, listener), 443],
  ] as const) {
    server.listen(port, address)
    await once(server, 'listening')
  }
  const dns = createSocket('udp4')
  dns.on('message', (query, { address: to, port }) =>
    dns.send(dnsAnswer(query, known, address), port, to),
  )
  dns.bind(53, address)
  await once(dns, 'listening')
}

function serveFiles(dir: string, hosts: ReadonlySet<string>): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const host = hostOf(request)
    const { pathname } = new URL(request.url ?? '', 'http://server')
    if (!hosts.has(host) || pathname.includes('..')) return void response.writeHead(404).end()
    const git = /^(\/.+?)(?:\.git)?\/(?:info\/refs|git-upload-pack)$/.exec(pathname)?.[1]
    if (git !== undefined && existsSync(join(dir, host, `${git}.git`, 'HEAD'))) {
      // Forges serve a repository both with and without the suffix `.git`.
      request.url = (request.url ?? '').replace(
        /^\/.+?(?:\.git)?(?=\/(?:info\/refs|git-upload-pack))/,
        `${git}.git`,
      )
      gitServer(join(dir, host), '')(request, response)
      return
    }
    const file = join(dir, host, decodeURIComponent(pathname))
    if (!existsSync(file) || !statSync(file).isFile()) return void response.writeHead(404).end()
    response.setHeader('content-length', statSync(file).size)
    createReadStream(file).pipe(response)
  }
}

function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? '').replace(/:\d+$/, '')
}
