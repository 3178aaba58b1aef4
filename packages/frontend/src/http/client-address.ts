import { LOOPBACK_PROXIES } from '@copr/contract/trusted-proxies'
import { type ClientAddresses, clientAddresses } from '@copr/process/client-address'
import type { HttpBindings } from '@copr/process/http-server'
import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'

const found = new WeakMap<object, ClientAddresses>()

/** Resolves client addresses behind the configured reverse proxies of this site. */
export function addressesOf({ config }: Pick<Frontend, 'config'>): ClientAddresses {
  const known = found.get(config)
  if (known) return known
  const made = clientAddresses(config.listen?.trusted_proxies ?? LOOPBACK_PROXIES)
  found.set(config, made)
  return made
}

/** The address of the client that sent a request; undefined in tests that run no server. */
export function clientAddress(c: Context, site: Pick<Frontend, 'config'>): string | undefined {
  return addressesOf(site).of(((c.env ?? {}) as Partial<HttpBindings>).incoming)
}
