import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'

/** Serves individual files by name, as a web server for SRPMs would. */
export interface FileServer extends AsyncDisposable {
  /** Starts serving a file; returns its URL. */
  offer(path: string): string
  /** From now on, responds to a path with JSON; returns the server's URL. */
  answer(path: string, body: object): string
}

export async function fileServer(): Promise<FileServer> {
  const files = new Map<string, string>()
  const answers = new Map<string, object>()
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost')
    const path = files.get(pathname)
    const answer = answers.get(pathname)
    if (answer) response.end(JSON.stringify(answer))
    else if (path === undefined) response.writeHead(404).end()
    else createReadStream(path).pipe(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    offer: (path) => {
      files.set(`/${basename(path)}`, path)
      return `http://127.0.0.1:${port}/${basename(path)}`
    },
    answer: (path, body) => {
      answers.set(path, body)
      return `http://127.0.0.1:${port}`
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
