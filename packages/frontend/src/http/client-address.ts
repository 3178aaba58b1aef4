import type { HttpBindings } from '@copr/process/http-server'
import type { Context } from 'hono'
import { BlockList } from 'node:net'

/** Where a proxy of ours may be: on this machine, or in the cluster. */
const NEAR = new BlockList()
NEAR.addSubnet('127.0.0.0', 8)
NEAR.addSubnet('10.0.0.0', 8)
NEAR.addSubnet('100.64.0.0', 10)
NEAR.addSubnet('172.16.0.0', 12)
NEAR.addSubnet('192.168.0.0', 16)
NEAR.addAddress('::1', 'ipv6')
NEAR.addSubnet('fc00::', 7, 'ipv6')

/**
 * Whence a request comes. A near proxy tells it as the last entry of X-Forwarded-For; what is before that, or what
 * others send, anybody can make up. Undefined in tests that need no server.
 */
export function clientAddress(c: Context): string | undefined {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  const peer = incoming?.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '')
  if (peer === undefined || !NEAR.check(peer, peer.includes(':') ? 'ipv6' : 'ipv4')) return peer
  const told = c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim()
  return told && /^[0-9A-Fa-f.:]{2,45}$/.test(told) ? told : peer
}
