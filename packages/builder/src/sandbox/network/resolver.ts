import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { join } from 'node:path'
import { ADDRESSES } from './plan.ts'

/**
 * The list of name servers that slirp4netns reads, in a directory of its own. slirp4netns queries these servers on behalf of the sandbox,
 * which knows only the resolver address of slirp4netns. libslirp uses the first server of each address family, and rereads the file when it
 * has changed.
 */
export class ResolvConf {
  readonly #dir: string
  readonly #source: string
  #written: string | undefined
  #servers: string[] = []

  constructor(dir: string, source = '/etc/resolv.conf') {
    this.#dir = dir
    this.#source = source
  }

  /** Copies the machine's current name servers to the list. */
  async update(): Promise<void> {
    this.#servers = nameServers(await readFile(this.#source, 'utf8').catch(() => ''))
    const text = this.#servers.map((one) => `nameserver ${one}\n`).join('')
    if (text === this.#written) return
    await mkdir(this.#dir, { recursive: true })
    const file = join(this.#dir, 'resolv.conf')
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
    this.#written = text
  }

  /**
   * Returns the content of the sandbox's /etc/resolv.conf. The resolver's IPv6 address forwards only to IPv6 name servers, so it is used
   * only if there is no IPv4 name server.
   */
  sandboxText(ipv6: boolean): string {
    const family = ipv6 && !this.#servers.some((one) => isIPv4(one)) ? 'ipv6' : 'ipv4'
    return `nameserver ${ADDRESSES[family].resolver}\n`
  }
}

/**
 * Returns the first name server of each address family. If there is none, returns the default of the C library, which is on the loopback
 * device.
 */
export function nameServers(resolv_conf: string): string[] {
  const listed = [...resolv_conf.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].map(
    ([, one = '']) => one,
  )
  const first = [listed.find((one) => isIPv4(one)), listed.find((one) => isIPv6(one))]
  const servers = first.filter((one) => one !== undefined)
  return servers.length === 0 ? ['127.0.0.1'] : servers
}
