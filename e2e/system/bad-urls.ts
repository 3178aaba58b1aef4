import { createServer, type Server } from 'node:http'
import { gzipSync } from 'node:zlib'
import { whole } from './bad-packages.ts'

/** Serves responses that are not an SRPM: a page, a broken connection, no response, a stalled body, and 404. */
export async function serveBadUrls(): Promise<Server> {
  const server = createServer((request, response) => {
    switch (request.url) {
      case '/page.src.rpm':
        response.end('<html>Please log in</html>')
        return
      case '/breaks.src.rpm':
        response.writeHead(200, { 'content-length': '100000' })
        response.write(whole().subarray(0, 1000), () => response.destroy())
        return
      case '/hangs.src.rpm':
        return
      case '/stalls.src.rpm':
        response.writeHead(200, { 'content-length': '100000' })
        response.write(gzipSync('x'))
        return
      default:
        response.writeHead(404).end('There is nothing here')
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
