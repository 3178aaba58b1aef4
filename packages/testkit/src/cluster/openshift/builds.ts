import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { runOrThrow } from '@copr/process/run'
import type { KubeObject } from '../kube-client.ts'
import type { Cluster } from '../start-cluster.ts'

/** An archive uploaded for a build. */
interface Upload {
  config: string
  files: string[]
  commit: string | null
}

export interface Builds extends AsyncDisposable {
  /** URL of an API server that has OpenShift's endpoints for builds. */
  readonly url: string
  readonly uploads: Upload[]
  /** Config whose builds fail → the last line of their log. */
  readonly failing: Map<string, string>
}

const BUILD_API = 'build.openshift.io/v1'
const REGISTRY = 'image-registry.openshift-image-registry.svc:5000'
const INSTANTIATE =
  /^\/apis\/build\.openshift\.io\/v1\/namespaces\/([^/]+)\/buildconfigs\/([^/]+)\/instantiatebinary$/
const LOG = /^\/apis\/build\.openshift\.io\/v1\/namespaces\/([^/]+)\/builds\/([^/]+)\/log$/
const STREAM = /^\/apis\/image\.openshift\.io\/v1\/namespaces\/([^/]+)\/imagestreams\/([^/]+)$/

/**
 * Starts a proxy in front of the API server that accepts uploads for builds and simulates the builds. A build fails if the upload lacks
 * files that its Containerfile copies. No image is built; its digest is that of the upload. Other requests are forwarded to the API server.
 */
export async function startBuilds(cluster: Cluster): Promise<Builds> {
  const uploads: Upload[] = []
  const failing = new Map<string, string>()
  const logs = new Map<string, string>()
  const { client } = cluster.admin
  const server = createServer((from, to) => {
    handle(from, to).catch((error: unknown) => answer(to, 500, statusOf(String(error))))
  })

  async function handle(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const url = new URL(from.url ?? '/', 'http://front')
    const [, namespace = '', name = ''] = INSTANTIATE.exec(url.pathname) ?? []
    const [, logNamespace, build] = LOG.exec(url.pathname) ?? []
    if (name !== '') return await instantiate(from, to, { namespace, name, url })
    if (build !== undefined) {
      const log = logs.get(`${logNamespace}/${build}`)
      if (log === undefined) return answer(to, 404, statusOf(`builds "${build}" not found`))
      to.writeHead(200, { 'content-type': 'text/plain' }).end(log)
      return
    }
    const body = await buffer(from)
    const given = await ask(cluster, from, body)
    if (from.method === 'PATCH' && given.code < 300) await giveRepository(url.pathname)
    to.writeHead(given.code, { 'content-type': given.type }).end(given.body)
  }

  /** Sets the status of an ImageStream, which contains its repository in the registry. */
  async function giveRepository(path: string): Promise<void> {
    const [, namespace = '', name = ''] = STREAM.exec(path) ?? []
    if (name === '') return
    const stream = {
      apiVersion: 'image.openshift.io/v1',
      kind: 'ImageStream',
      metadata: { name, namespace },
    }
    const status = { dockerImageRepository: `${REGISTRY}/${namespace}/${name}` }
    await client.patch(stream, { status }, 'status')
  }

  async function instantiate(
    from: IncomingMessage,
    to: ServerResponse,
    { namespace, name, url }: { namespace: string; name: string; url: URL },
  ): Promise<void> {
    const archive = await buffer(from)
    // A user who may not read the BuildConfig may not start a build, either.
    const path = `/apis/${BUILD_API}/namespaces/${namespace}/buildconfigs/${name}`
    const seen = await ask(cluster, { headers: from.headers, method: 'GET', url: path })
    if (seen.code >= 300) return answer(to, seen.code, seen.body.toString())
    const config = JSON.parse(seen.body.toString()) as KubeObject
    const { files, containerfile } = await contentsOf(archive, config)
    uploads.push({ config: name, files, commit: url.searchParams.get('revision.commit') })
    const number = uploads.filter((each) => each.config === name).length
    const build = await client.create({
      apiVersion: BUILD_API,
      kind: 'Build',
      metadata: { name: `${name}-${number}`, namespace, labels: { buildconfig: name } },
      spec: config['spec'] as object,
    })
    answer(to, 201, JSON.stringify(build))
    const missing = missingOf(containerfile, files)
    const words = failing.get(name) ?? (missing && `COPY failed: ${missing} is not in the archive`)
    logs.set(
      `${namespace}/${build.metadata.name}`,
      `STEP 1: FROM scratch\n${words === undefined ? 'Push successful' : words}\n`,
    )
    await client.patch(build, { status: { phase: 'Running' } }, 'status')
    const imageDigest = `sha256:${createHash('sha256').update(archive).update(JSON.stringify(config['spec'])).digest('hex')}`
    const status =
      words === undefined
        ? { phase: 'Complete', output: { to: { imageDigest } } }
        : {
            phase: 'Failed',
            reason: 'DockerBuildFailed',
            message: 'Dockerfile build strategy has failed.',
          }
    await client.patch(build, { status }, 'status')
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    uploads,
    failing,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

interface Asked {
  method?: string | undefined
  url?: string | undefined
  headers: IncomingMessage['headers']
}

/** Forwards a request to the API server with the caller's credentials. */
async function ask(
  cluster: Cluster,
  { method, url, headers }: Asked,
  body?: Buffer,
): Promise<{ code: number; type: string; body: Buffer }> {
  const { authorization = '', 'content-type': type } = headers
  const asked = request(new URL(url ?? '/', cluster.url), {
    method,
    ca: cluster.ca,
    headers: {
      authorization,
      accept: 'application/json',
      ...(type && body ? { 'content-type': type } : {}),
      // Node omits Content-Length for DELETE, so the server would take the body for the next request.
      ...(body?.length ? { 'content-length': body.length } : {}),
    },
  })
  asked.end(body)
  const [given] = (await once(asked, 'response')) as [IncomingMessage]
  return {
    code: given.statusCode ?? 502,
    type: given.headers['content-type'] ?? 'application/json',
    body: await buffer(given),
  }
}

function answer(to: ServerResponse, code: number, body: string): void {
  if (!to.headersSent) to.writeHead(code, { 'content-type': 'application/json' }).end(body)
}

const statusOf = (message: string): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message })

/** Extracts an upload as OpenShift's builder does. */
async function contentsOf(
  archive: Buffer,
  config: KubeObject,
): Promise<{ files: string[]; containerfile: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-build-'))
  try {
    writeFileSync(join(dir, 'archive'), archive)
    const list = await runOrThrow('tar', ['-tf', join(dir, 'archive')])
    const files = list.split('\n').filter((file) => file !== '')
    const { dockerfilePath } = config['spec'].strategy.dockerStrategy as { dockerfilePath: string }
    await runOrThrow('tar', ['-xf', join(dir, 'archive'), '-C', dir, dockerfilePath])
    return { files, containerfile: readFileSync(join(dir, dockerfilePath), 'utf8') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** Returns the first source of a COPY instruction that is missing from the files. */
function missingOf(containerfile: string, files: string[]): string | undefined {
  const copies = [...containerfile.matchAll(/^COPY (?!--from)(.+)$/gm)]
  const sources = copies.flatMap(([, words = '']) => words.trim().split(/\s+/).slice(0, -1))
  return sources.find(
    (source) => !files.some((file) => file === source || file.startsWith(`${source}/`)),
  )
}
