import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { type ClientAddresses, addressKey } from './client-address.ts'

const REFUSED = [
  'HTTP/1.1 429 Too Many Requests',
  'Connection: close',
  'Retry-After: 10',
  'Content-Type: application/json',
  '',
  '{"error":"Too many connections from your address: close some, or try again later"}',
].join('\r\n')

/** Refuses connections from an address beyond `max`. Connections from the site's reverse proxies are not counted. */
export function limitConnections(server: Server, addresses: ClientAddresses, max: number): void {
  const counts = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const address = addresses.of({ socket, headers: {} })
    if (address === undefined || addresses.isTrusted(address)) return
    const key = addressKey(address)
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    socket.once('close', () => {
      const left = (counts.get(key) ?? 1) - 1
      if (left > 0) counts.set(key, left)
      else counts.delete(key)
    })
    if (count <= max) return
    // With TLS, no response can be sent before the handshake, so the connection is only closed.
    if (!('setSecureContext' in server)) socket.write(REFUSED)
    socket.destroySoon()
  })
}
