import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { AddressRules } from './address-rules.ts'

/** Thrown if a URL that a user supplied is at fault because of its text, the address to which it leads, or its server's response. */
export class UrlError extends Error {}

/** Parses a URL; only `http` and `https` are allowed. */
export function parseHttpUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url) throw new UrlError(`${JSON.stringify(text.slice(0, 2000))} is not a URL`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UrlError(`${url.href} is not allowed: use http or https`)
  return url
}

/** Returns the host name or address of a URL in the form that sockets accept. */
export function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/** A function like `dns.lookup()` with the option `all`: it returns all addresses. */
export type Resolve = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Creates a lookup function for sockets. It prevents DNS rebinding: sockets connect only to addresses that this function has checked, so it
 * has no effect if the name server later returns other addresses. The lookup fails if any of the addresses is not allowed. `shown`
 * identifies the target in messages.
 */
export function guardedLookup(
  rules: AddressRules,
  shown: string,
  resolve: Resolve = lookup,
): LookupFunction {
  return (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(unknownHost(error, shown), '')
      const [first] = addresses
      if (!first || !addresses.every(({ address }) => rules.allows(address)))
        return callback(forbidden(shown), '')
      if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

/** Throws if the host is an IP address that is not allowed. Sockets do not call the lookup function for IP addresses. */
export function requireAllowedHost(host: string, rules: AddressRules, shown: string): void {
  if (isIP(host) !== 0 && !rules.allows(host)) throw forbidden(shown)
}

function forbidden(shown: string): UrlError {
  return new UrlError(`${shown} resolves to a private address, which is not allowed`)
}

/** Returns a UrlError only if the name does not exist, because an unresponsive name server is not the URL's fault. */
function unknownHost(error: NodeJS.ErrnoException, shown: string): Error {
  return error.code === 'ENOTFOUND' ? new UrlError(`the host of ${shown} is unknown`) : error
}
