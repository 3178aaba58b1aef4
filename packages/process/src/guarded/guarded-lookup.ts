import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { AddressRules } from './address-rules.ts'

/** Thrown when a URL that a user supplied is at fault: its text, the address it leads to, or its server's response. */
export class UrlError extends Error {}

/** Parses a URL; only `http` and `https` are allowed. */
export function parseHttpUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url) throw new UrlError(`${JSON.stringify(text.slice(0, 2000))} is not a URL`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UrlError(`${url.href} is not allowed: use http or https`)
  return url
}

/** Returns the name or address in a URL's host, in the form that sockets accept. */
export function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/** A function like `dns.lookup()` that returns all addresses. */
export type Resolve = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Makes a lookup function for sockets. They connect to one of the addresses that it has checked, so a different later response of
 * the name server has no effect (DNS rebinding). The lookup fails if any address is not allowed. `shown` names the target in
 * messages.
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

/** Checks a host that is an IP address, for which sockets do not call the lookup function. */
export function requireAllowedHost(host: string, rules: AddressRules, shown: string): void {
  if (isIP(host) !== 0 && !rules.allows(host)) throw forbidden(shown)
}

function forbidden(shown: string): UrlError {
  return new UrlError(`${shown} resolves to a private address, which is not allowed`)
}

/** Makes a UrlError only for a name that does not exist: name servers that do not answer are not the URL's fault. */
function unknownHost(error: NodeJS.ErrnoException, shown: string): Error {
  return error.code === 'ENOTFOUND' ? new UrlError(`the host of ${shown} is unknown`) : error
}
