import { BlockList, isIP } from 'node:net'
import { z } from 'zod'

/** An IP address, or a network in CIDR notation: `192.0.2.7`, `10.0.0.0/8`, `fc00::/7`. */
const Network = z
  .string()
  .refine((text) => isNetwork(text), 'write an IP address, or a network such as 10.0.0.0/8')

/** The default: reverse proxies on this machine, set up by an administrator or by `coprctl containers up`. */
export const LOOPBACK_PROXIES = ['127.0.0.0/8', '::1']

/** The networks from which X-Forwarded-For is trusted; a client in one of them can claim to have any address. */
export const TrustedProxies = z.array(Network)

/** All private networks. The router or ingress controller of a cluster is in one of them; its addresses are not known before it runs. */
export const CLUSTER_PROXIES = [
  ...LOOPBACK_PROXIES,
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
]

/** Builds a list that can be queried for an address. */
export function networksOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32)
}
