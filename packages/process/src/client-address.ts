import { networksOf } from '@copr/contract/trusted-proxies'
import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'

/** Decides from which address a request comes, and whether one belongs to a reverse proxy of the site. */
export interface ClientAddresses {
  /** Undefined in tests that need no server. */
  of(incoming: Pick<IncomingMessage, 'socket' | 'headers'> | undefined): string | undefined
  isTrusted(address: string): boolean
}

/**
 * A trusted proxy reports the client's address as the last entry of X-Forwarded-For; if that is another trusted proxy,
 * the entry before counts. Anybody can make up the entries before the first address that is not trusted.
 */
export function clientAddresses(trusted_proxies: readonly string[]): ClientAddresses {
  const proxies = networksOf(trusted_proxies)
  return {
    isTrusted: (address) => contains(proxies, address),
    of(incoming) {
      const peer = plainAddress(incoming?.socket.remoteAddress)
      if (incoming === undefined || peer === undefined) return undefined
      const chain = [incoming.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
      let address = peer
      while (contains(proxies, address)) {
        const before = plainAddress(chain.pop()?.trim())
        if (before === undefined) break
        address = before
      }
      return address
    },
  }
}

/** The key by which limits count; an IPv6 client counts by its /64, of which it has all 2^64 addresses. */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const rest = tail === undefined ? [] : tail.split(':').filter((group) => group !== '')
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0')
  const all = tail === undefined ? groups : [...groups, ...zeros, ...rest]
  return `${all
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}

/** An IPv4 address that is mapped into IPv6 is an IPv4 one; undefined: this is no address. */
function plainAddress(text: string | undefined): string | undefined {
  const plain = text?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  return plain !== undefined && isIP(plain) !== 0 ? plain : undefined
}
