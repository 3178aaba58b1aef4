import http from 'node:http'
import https from 'node:https'
import { requireCertificates } from './pem.ts'
import { lastGoodFile } from './replaced-file.ts'

export interface Request {
  method: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  signal: AbortSignal
}

export interface Answer {
  status: number
  body: string
}

/** Maximum size of a response; keys and lists of keys are far smaller. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/**
 * Creates an HTTP and HTTPS client that does not follow redirects. `ca_file` replaces the default CAs. It is read for each request, because
 * the service CA rotates while programs run. While the file is being written, the previous CAs are trusted. Node's fetch is not used,
 * because it does not support custom CAs.
 */
export function httpsClient({
  ca_file,
}: {
  ca_file?: string | undefined
}): (url: string, request: Request) => Promise<Answer> {
  let trusted: { ca: string | undefined; agent: https.Agent } | undefined
  const plain = new http.Agent({ keepAlive: true })
  const readAuthorities =
    ca_file === undefined
      ? undefined
      : lastGoodFile(ca_file, (pem) => void requireCertificates(pem, ca_file))

  async function trustedAgent(): Promise<https.Agent> {
    const ca = await readAuthorities?.()
    if (trusted && trusted.ca === ca) return trusted.agent
    if (trusted) retire(trusted.agent)
    const agent = new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
    trusted = { ca, agent }
    return agent
  }

  return async (url, request) =>
    url.startsWith('https:')
      ? await ask(https, url, request, await trustedAgent())
      : await ask(http, url, request, plain)
}

/** Closes the agent's idle connections; those in use are closed when their requests have ended. */
function retire(agent: https.Agent): void {
  agent.maxFreeSockets = 0
  for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy()
}

async function ask(
  from: typeof http | typeof https,
  url: string,
  { method, headers = {}, body, signal }: Request,
  agent: http.Agent,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = from.request(url, { method, headers, agent, signal }, (response) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_ANSWER_BYTES)
        response.destroy(new Error(`The response of ${url} is too large`))
      chunks.push(chunk)
    })
    response.on('error', reject)
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
    )
  })
  request.on('error', reject)
  request.end(body)
  return await promise
}
