import { BlockList, isIP, isIPv6 } from 'node:net'
import type { PrivateUrls } from '@copr/contract/private-urls'

/** The first address of a range, and the number of leading bits that all its addresses share. */
export type Subnet = readonly [net: string, bits: number]

/**
 * IPv4 ranges that are not on the open internet: those in the IANA IPv4 special-purpose address registry that are not globally reachable;
 * multicast and reserved addresses; and the address of Azure's metadata service, which looks public.
 */
export const PRIVATE_SUBNETS_V4: readonly Subnet[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

/** The only IPv6 range that is allocated for the open internet; everything outside of it is refused. */
export const GLOBAL_SUBNET_V6: Subnet = ['2000::', 3]
/**
 * Ranges within `GLOBAL_SUBNET_V6` that are not on the open internet. Source: the IANA IPv6 special-purpose address registry. They include
 * Teredo (in 2001::/23) and 6to4 (2002::/16), through which a sender can reach any IPv4 address.
 */
export const PRIVATE_SUBNETS_V6: readonly Subnet[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]
/** IPv6 ranges whose addresses contain an IPv4 address in their last 32 bits: IPv4-mapped addresses and NAT64. */
export const EMBEDDING_SUBNETS_V6: readonly Subnet[] = [
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
]

const PRIVATE_V4 = blockList('ipv4', PRIVATE_SUBNETS_V4)
const GLOBAL_V6 = blockList('ipv6', [GLOBAL_SUBNET_V6])
const PRIVATE_V6 = blockList('ipv6', PRIVATE_SUBNETS_V6)
const EMBEDDING_V6 = blockList('ipv6', EMBEDDING_SUBNETS_V6)

export interface AddressRules {
  /** The private networks that the administrator allows, for code that enforces them without `allows()`. */
  readonly allow: PrivateUrls
  /** Whether a connection to this IP address is allowed. */
  allows(address: string): boolean
}

/** Makes the rules for URLs that users supply. */
export function addressRules(allow: PrivateUrls): AddressRules {
  if (allow === true) return ANY_ADDRESS
  const listed = new BlockList()
  for (const [net, bits] of allow === false ? [] : allow.map(parseSubnet))
    listed.addSubnet(net, bits, isIPv6(net) ? 'ipv6' : 'ipv4')
  const isListed = (address: string): boolean =>
    listed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  return {
    allow,
    allows: (address) => !isPrivateAddress(address) || isListed(plainAddress(address)),
  }
}

/** Allows all addresses: for the administrator's URLs, and for installations whose users have access to the machine anyway. */
export const ANY_ADDRESS: AddressRules = { allow: true, allows: () => true }

/** Parses a range in CIDR notation that `PrivateUrls` has already validated. */
export function parseSubnet(range: string): Subnet {
  const [net = '', bits = ''] = range.split('/')
  return [net, Number(bits)]
}

/** Whether an address is not on the open internet; text that is not an address counts as private. */
export function isPrivateAddress(address: string): boolean {
  const plain = plainAddress(address)
  switch (isIP(plain)) {
    case 4:
      return PRIVATE_V4.check(plain, 'ipv4')
    case 6:
      return !GLOBAL_V6.check(plain, 'ipv6') || PRIVATE_V6.check(plain, 'ipv6')
    default:
      return true
  }
}

/** Returns the IPv4 address that is embedded in an IPv6 address; returns all other addresses unchanged. */
function plainAddress(address: string): string {
  if (!isIPv6(address) || address.includes('%') || !EMBEDDING_V6.check(address, 'ipv6'))
    return address
  // The URL parser normalizes the spelling of an address: `::ffff:127.0.0.1` becomes `[::ffff:7f00:1]`.
  const groups = new URL(`http://[${address}]/`).hostname.slice(1, -1).split(':')
  const last = groups.slice(-2).map((group) => Number.parseInt(group || '0', 16))
  return last.flatMap((group) => [group >> 8, group & 255]).join('.')
}

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly Subnet[]): BlockList {
  const list = new BlockList()
  for (const [net, bits] of subnets) list.addSubnet(net, bits, family)
  return list
}
