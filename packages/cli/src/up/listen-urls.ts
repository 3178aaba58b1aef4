import { allowsPrivateUrls, type Configuration } from '@copr/contract/configuration'
import { isLoopback, isWildcard, urlHost } from '@copr/contract/listen-address'

type Listen = Pick<Configuration['listen'], 'host' | 'port'>

/**
 * Returns the URL at which this machine can reach the system. It contains an IP address, because `localhost` may be missing from
 * /etc/hosts.
 */
export function automaticUrl({ host, port }: Listen): string {
  if (!isWildcard(host)) return `http://${urlHost(host)}:${port}`
  return `http://${host.includes(':') ? '[::1]' : '127.0.0.1'}:${port}`
}

/** Returns the public URL that an administrator has set; undefined if it was derived from the host and the port. */
export function givenUrl(known: Configuration | undefined): string | undefined {
  if (!known) return undefined
  const { public_url, listen } = known
  // Earlier versions used `localhost` by default.
  const automatic = [automaticUrl(listen), `http://localhost:${listen.port}`]
  return automatic.includes(public_url) ? undefined : public_url
}

/** Returns the internal URL that an administrator has set for builders on other machines; undefined if there is none. */
export function givenInternalUrl(known: Configuration | undefined): string | undefined {
  const url = known?.internal_url
  if (!known || url === undefined || isLoopback(new URL(url).hostname)) return undefined
  return url === automaticUrl(known.listen) ? undefined : url
}

/** Returns lines that explain who can reach the system; none if only this machine can. */
export function openTo({ host, port }: Listen): string[] {
  if (isLoopback(host)) return []
  const where = isWildcard(host)
    ? `an address of this machine, port ${port}`
    : `${urlHost(host)}:${port}`
  return [
    `Open to everybody who can reach ${where}, in plain HTTP: passwords and tokens can be read in transit.`,
    'Put a reverse proxy with TLS in front: docs/administration/tutorial.md, "Open to others".',
  ]
}

/**
 * Returns a warning if builds may reach private addresses in this machine's network and other people can use the system; otherwise an empty
 * list.
 */
export function privateNetworkWarning(config: Configuration): string[] {
  const allowed = allowsPrivateUrls(config)
  const where =
    allowed === true ? 'the private network of this machine' : (allowed || []).join(', ')
  if (isLoopback(config.listen.host) || where === '') return []
  return [
    `Builds of all users may fetch from ${where}: allow_private_urls in ${config.data_dir}/copr.yaml.`,
  ]
}
