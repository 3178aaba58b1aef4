import { networksOf } from '@copr/contract/trusted-proxies'
import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'

/** Determines the client address of a request, and whether an address belongs to one of the site's reverse proxies. */
export interface ClientAddresses {
  /** Returns the client's address; undefined in tests without a server. */
  of(incoming: Pick<IncomingMessage, 'socket' | 'headers'> | undefined): string | undefined
  isTrusted(address: string): boolean
}

/**
 * Trusts the given proxies. A proxy appends its client's address to X-Forwarded-For, so the last entry is used; if that is another trusted
 * proxy, the entry before it, and so on. Entries before the first untrusted address are ignored, because clients can forge them.
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

/**
 * Returns the key under which an address is counted toward limits. The key of an IPv6 address is its /64 network, because a client can use
 * all 2^64 addresses in it.
 */
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

/**
 * Converts an IPv4-mapped IPv6 address to IPv4 and returns other addresses unchanged; returns undefined for text that is not an address.
 */
function plainAddress(text: string | undefined): string | undefined {
  const plain = text?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  return plain !== undefined && isIP(plain) !== 0 ? plain : undefined
}
