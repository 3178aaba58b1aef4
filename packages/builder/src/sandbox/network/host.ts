import { readFile } from 'node:fs/promises'

/** Flags of routes to the machine itself, and of routes to anycast addresses. Source: linux/ipv6_route.h */
const RTF_LOCAL = 0x80000000
const RTF_ANYCAST = 0x00100000

/**
 * Returns the address ranges, in CIDR notation, for which this machine itself accepts packets. These are the kernel's local routes in all
 * tables, which include addresses of devices that are down. Throws if the kernel does not list them.
 */
export async function hostRanges(): Promise<Set<string>> {
  const ipv4 = localRanges4(await readFile('/proc/self/net/fib_trie', 'utf8'))
  const ipv6 = localRanges6(await read('/proc/self/net/ipv6_route'))
  return new Set([...ipv4, ...ipv6])
}

/** Returns whether the kernel supports IPv6. */
export async function hasIpv6(): Promise<boolean> {
  return (await read('/proc/self/net/if_inet6')) !== undefined
}

/**
 * Returns the local ranges. Parses entries such as `|-- 192.0.2.2`, each followed by lines with the routes to it, such as `/32 host LOCAL`.
 */
export function localRanges4(fib_trie: string): string[] {
  const ranges: string[] = []
  let net = ''
  for (const line of fib_trie.split('\n')) {
    net = /\|-- (\S+)/.exec(line)?.[1] ?? net
    const bits = /\/(\d+) \S+ LOCAL/.exec(line)?.[1]
    // A local default route belongs to a transparent proxy and applies only to marked packets.
    if (bits !== undefined && bits !== '0') ranges.push(`${net}/${bits}`)
  }
  return ranges
}

/**
 * Returns the local ranges. Parses lines of ten fields: the first two are the destination and its prefix length, and the ninth contains the
 * flags.
 */
export function localRanges6(ipv6_route = ''): string[] {
  const ranges: string[] = []
  for (const line of ipv6_route.split('\n')) {
    const [net = '', bits = '', , , , , , , flags = ''] = line.trim().split(/\s+/)
    const isLocal = (Number.parseInt(flags, 16) & (RTF_LOCAL | RTF_ANYCAST)) !== 0
    if (isLocal && bits !== '00')
      ranges.push(`${(net.match(/.{4}/g) ?? []).join(':')}/${Number.parseInt(bits, 16)}`)
  }
  return ranges
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
