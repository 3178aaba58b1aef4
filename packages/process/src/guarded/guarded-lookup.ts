import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { AddressRules } from './address-rules.ts'

/** A URL that a user gave is at fault: its text, the address it leads to, or its server's answer. */
export class UrlError extends Error {}

/** The URL in a text; only `http` and `https` are allowed. */
export function parseHttpUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url) throw new UrlError(`${JSON.stringify(text.slice(0, 2000))} is not a URL`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UrlError(`${url.href} is not allowed: only http and https are`)
  return url
}

/** The name or address in a URL's host, as sockets take it. */
export function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/** `dns.lookup()` for all addresses. */
export type Resolve = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Resolves names for a socket, which then connects to one of just these addresses: another answer of the name server a
 * moment later changes nothing. One address that is not allowed makes the lookup fail. `shown`
 * names the target in messages.
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

/** Sockets look up no name for an address that is written as such: it is checked here. */
export function requireAllowedHost(host: string, rules: AddressRules, shown: string): void {
  if (isIP(host) !== 0 && !rules.allows(host)) throw forbidden(shown)
}

function forbidden(shown: string): UrlError {
  return new UrlError(`${shown} leads into a private network, which is not allowed`)
}

/** Name servers that do not answer are not the URL's fault. */
function unknownHost(error: NodeJS.ErrnoException, shown: string): Error {
  return error.code === 'ENOTFOUND' ? new UrlError(`the host of ${shown} is unknown`) : error
}
