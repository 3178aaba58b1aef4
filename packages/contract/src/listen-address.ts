import { BlockList, isIPv6 } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether a host (a name, an address, or the host of a URL) can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const bare = withoutBrackets(host)
  return bare === 'localhost' || LOOPBACK.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4')
}

/** Whether a server that listens on this address accepts connections to all addresses of the machine. */
export function isWildcard(host: string): boolean {
  const bare = withoutBrackets(host)
  return bare === '0.0.0.0' || (isIPv6(bare) && /^[0:]+$/.test(bare))
}

/** The host in the notation of URLs, which put IPv6 addresses in brackets. */
export function urlHost(host: string): string {
  const bare = withoutBrackets(host)
  return isIPv6(bare) ? `[${bare}]` : bare
}

export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}
