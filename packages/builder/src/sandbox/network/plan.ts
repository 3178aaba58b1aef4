import { BlockList, isIPv4, isIPv6 } from 'node:net'
import {
  type AddressRules,
  EMBEDDING_SUBNETS_V6,
  GLOBAL_SUBNET_V6,
  parseSubnet,
  PRIVATE_SUBNETS_V4,
  PRIVATE_SUBNETS_V6,
  type Subnet,
} from '@copr/process/guarded/address-rules'

/**
 * Addresses between the sandbox, the router's namespace and slirp4netns. They are from the range for benchmarking (RFC 2544), which
 * networks rarely use, and from the only IPv6 prefix that slirp4netns supports.
 */
export const ADDRESSES = {
  ipv4: {
    cidr: '198.19.255.0/25',
    gateway: '198.19.255.2',
    resolver: '198.19.255.3',
    router: '198.19.255.100',
    build: '198.19.255.101',
  },
  ipv6: {
    cidr: 'fd00::/64',
    gateway: 'fd00::2',
    resolver: 'fd00::3',
    router: 'fd00::64',
    build: 'fd00::65',
    /** The router's link-local address on the sandbox's side. */
    router_link: 'fe80::1',
  },
} as const

/** Names of the router's devices: towards slirp4netns, and towards the sandbox. */
export const OUTSIDE = 'slirp0'
const INSIDE = 'build0'

/** In bytes. Large packets mean less work for slirp4netns. The maximum is 65521. */
export const MTU = 65520

type Family = keyof typeof ADDRESSES

/**
 * Ranges that an administrator cannot allow. They lead to the machine itself (slirp4netns would connect to them on its loopback device), to
 * slirp4netns, to an IPv4 address embedded in an IPv6 address, or to a multicast group.
 */
const NEVER: Record<Family, readonly Subnet[]> = {
  ipv4: [['0.0.0.0', 8], ['127.0.0.0', 8], parseSubnet(ADDRESSES.ipv4.cidr), ['224.0.0.0', 4]],
  ipv6: [
    ['::', 8],
    ...EMBEDDING_SUBNETS_V6,
    parseSubnet(ADDRESSES.ipv6.cidr),
    ['fe80::', 10],
    ['ff00::', 8],
  ],
}
const PRIVATE: Record<Family, readonly Subnet[]> = {
  ipv4: PRIVATE_SUBNETS_V4,
  ipv6: PRIVATE_SUBNETS_V6,
}
const PUBLIC: Record<Family, Subnet> = { ipv4: ['0.0.0.0', 0], ipv6: GLOBAL_SUBNET_V6 }

/** Destination MAC address of packets to slirp4netns, which accepts any MAC address. */
const SLIRP_MAC = '52:56:00:00:00:02'

/** Numbers, because `ip` knows the names of protocols only where /etc/protocols exists. */
const TCP = 6
const UDP = 17

/** Routing tables of the router's namespace. */
const BUILD_TABLE = 80
const HOST_TABLE = 90
const REACHABLE_TABLE = 100

/** Returns commands for `ip -batch` that route and restrict one address family; `PUBLIC` is open except for `PRIVATE`. */
export function routerCommands(family: Family, rules: AddressRules): string {
  const { gateway, resolver, build } = ADDRESSES[family]
  const onward = `via ${gateway} dev ${OUTSIDE} onlink`
  const routes = [...reachableRanges(family, rules)].map(([range, isOpen]) =>
    isOpen
      ? `route add ${range} ${onward} table ${REACHABLE_TABLE}`
      : `route add prohibit ${range} table ${REACHABLE_TABLE}`,
  )
  const from = `iif ${INSIDE} from ${build}`
  // The first rule whose table has a matching route decides. Fragments have no ports, so they match no rule with a port. The kernel accepts
  // no port range that ends with 65535.
  const decisions = [
    `to ${build} lookup ${BUILD_TABLE}`,
    'lookup local',
    `${from} to ${resolver} ipproto ${UDP} dport 53 lookup main`,
    `${from} to ${resolver} ipproto ${TCP} dport 53 lookup main`,
    `${from} lookup ${HOST_TABLE}`,
    `${from} ipproto ${TCP} dport 1-52 lookup ${REACHABLE_TABLE}`,
    `${from} ipproto ${TCP} dport 54-65534 lookup ${REACHABLE_TABLE}`,
    'prohibit',
  ]
  const numbered = decisions.map((decision, index) => `rule add pref ${10 + index} ${decision}`)
  return lines([...routes, ...numbered, 'rule del pref 0 lookup local'])
}

/** Returns commands for `ip -batch` that configure the router's device towards slirp4netns. */
export function outsideCommands(ipv6: boolean): string {
  const { router, build, gateway, resolver } = ADDRESSES.ipv6
  const v4 = [`addr add ${ADDRESSES.ipv4.router}/25 dev ${OUTSIDE}`]
  // libslirp assumes that a neighbor advertisement is about its sender. Advertisements for the sandbox's address must therefore come from
  // that address. The router must not solicit any, because the replies would go to the sandbox.
  const v6 = [
    `addr add ${router}/64 dev ${OUTSIDE} nodad`,
    `addr add ${build}/128 dev ${OUTSIDE} nodad noprefixroute`,
    `neigh add ${gateway} lladdr ${SLIRP_MAC} dev ${OUTSIDE} nud permanent`,
    `neigh add ${resolver} lladdr ${SLIRP_MAC} dev ${OUTSIDE} nud permanent`,
  ]
  return lines(['link set lo up', `link set ${OUTSIDE} mtu ${MTU} up`, ...v4, ...(ipv6 ? v6 : [])])
}

/** Returns commands for `ip -batch` that configure the router's device towards the sandbox. */
export function insideCommands(ipv6: boolean): string {
  const { build, router_link } = ADDRESSES.ipv6
  const v4 = [`route add ${ADDRESSES.ipv4.build}/32 dev ${INSIDE} table ${BUILD_TABLE}`]
  const v6 = [
    `addr add ${router_link}/64 dev ${INSIDE} nodad`,
    `route add ${build}/128 dev ${INSIDE} table ${BUILD_TABLE}`,
  ]
  return lines([`link set ${INSIDE} up`, ...v4, ...(ipv6 ? v6 : [])])
}

/** Returns commands for `ip -batch` that configure the sandbox's devices. */
export function sandboxCommands(ipv6: boolean): string {
  const { build, router_link } = ADDRESSES.ipv6
  const v4 = [
    `addr add ${ADDRESSES.ipv4.build}/32 dev eth0`,
    `route add default via ${ADDRESSES.ipv4.router} dev eth0 onlink`,
  ]
  const v6 = [
    `addr add ${build}/128 dev eth0 nodad`,
    `route add default via ${router_link} dev eth0`,
  ]
  return lines(['link set lo up', 'link set eth0 up', ...v4, ...(ipv6 ? v6 : [])])
}

/** Returns ranges in CIDR notation, and whether each is reachable. If an address is in several ranges, the longest prefix decides. */
function reachableRanges(family: Family, { allow }: AddressRules): Map<string, boolean> {
  const ranges = new Map<string, boolean>([[cidr(PUBLIC[family]), true]])
  const listed = allow === true ? [anything(family)] : allow === false ? [] : allow.map(parseSubnet)
  const allowed = listed.filter(([net]) => familyOf(net) === family).map(networkOf)
  for (const range of PRIVATE[family])
    if (!allowed.some((one) => contains(one, range))) ranges.set(cidr(range), false)
  for (const range of allowed) ranges.set(cidr(range), true)
  for (const range of NEVER[family]) {
    for (const one of allowed) if (contains(range, one)) ranges.delete(cidr(one))
    ranges.set(cidr(range), false)
  }
  return ranges
}

/**
 * Returns commands for `ip -batch` that change which of the machine's own addresses are forbidden, from `before` to `now`. An address that
 * the administrator has listed individually (`/32`, `/128`) stays reachable; an address that is only within a listed range does not.
 */
export function hostCommands(
  family: Family,
  { allow }: AddressRules,
  { now, before }: { now: ReadonlySet<string>; before: ReadonlySet<string> },
): string {
  const whole = family === 'ipv4' ? 32 : 128
  const exempt = new BlockList()
  for (const [net, bits] of typeof allow === 'boolean' ? [] : allow.map(parseSubnet))
    if (familyOf(net) === family && bits === whole) exempt.addAddress(net, family)
  const isForbidden = (range: string): boolean => {
    const [net, bits] = parseSubnet(range)
    return familyOf(net) === family && !(bits === whole && exempt.check(net, family))
  }
  const act = (verb: 'add' | 'del', ranges: ReadonlySet<string>): string[] =>
    [...ranges]
      .filter(isForbidden)
      .map((range) => `route ${verb} prohibit ${range} table ${HOST_TABLE}`)
  const commands = [...act('add', now.difference(before)), ...act('del', before.difference(now))]
  return lines(commands)
}

function lines(commands: string[]): string {
  return commands.map((command) => `${command}\n`).join('')
}

function cidr([net, bits]: Subnet): string {
  return `${net}/${bits}`
}

function familyOf(net: string): Family {
  return isIPv4(net) ? 'ipv4' : 'ipv6'
}

function anything(family: Family): Subnet {
  return [family === 'ipv4' ? '0.0.0.0' : '::', 0]
}

function contains(outer: Subnet, [net, bits]: Subnet): boolean {
  const list = new BlockList()
  list.addSubnet(outer[0], outer[1], familyOf(outer[0]))
  return outer[1] <= bits && list.check(net, isIPv6(net) ? 'ipv6' : 'ipv4')
}

/**
 * Clears the bits after the prefix, as in `10.1.2.3/8`. The kernel rejects such bits in an IPv4 route and ignores them in an IPv6 route.
 */
function networkOf([net, bits]: Subnet): Subnet {
  if (!isIPv4(net)) return [net, bits]
  const kept = net.split('.').map((byte, index) => {
    const hidden = Math.min(8, Math.max(0, 8 * (index + 1) - bits))
    return (Number(byte) >> hidden) << hidden
  })
  return [kept.join('.'), bits]
}
