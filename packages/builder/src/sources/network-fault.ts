import { lookup } from 'node:dns/promises'
import type { AddressRules } from '@copr/process/guarded/address-rules'

/** Patterns for the messages of svn and of curl (which git and rpm repeat), each with our wording for the message. */
const WORDS: [RegExp, (match: RegExpExecArray) => string][] = [
  [
    /The requested URL returned error: (\d+)/,
    ([, status]) => `the server responded with ${status}`,
  ],
  [/Could not resolve host: (\S+)/, ([, host]) => `the host ${host} is unknown`],
  [/at URL '\w+:\/\/([^/:']+)[^\n]*\nsvn: E670002/, ([, host]) => `the host ${host} is unknown`],
  [
    /Protocol "?([^\s"]+)"? (?:not supported|disabled)/,
    ([, name]) => `${name} URLs are not allowed`,
  ],
  [/Maximum \((\d+)\) redirects followed/, ([, count]) => `it redirects more than ${count} times`],
  [/Operation too slow.*?last (\d+) seconds/, ([, seconds]) => `no data for ${seconds} seconds`],
  [/SSL certificate problem: (.*)/, ([, problem]) => `its certificate is not valid: ${problem}`],
]

/** As curl, git and svn report it. */
const CONNECT = [
  /Failed to connect to (\S+) port (\d+)/,
  /unable to connect to ([^\s:]+):/,
  /at URL '\w+:\/\/([^/:']+)(?::(\d+))?[^\n]*\nsvn: E\d+: (?:Can't connect|Error running context)/,
]

/**
 * Returns why a program in a sandbox could not load a URL, as a clause derived from its messages; undefined if they do not say. The network
 * of a sandbox refuses connections to private addresses without giving a reason; this function reports such an address, even if a redirect
 * led to it.
 */
export async function networkFault(
  output: string,
  rules: AddressRules,
): Promise<string | undefined> {
  const [, host, port] = CONNECT.map((pattern) => pattern.exec(output)).find(Boolean) ?? []
  if (host !== undefined)
    return (await isForbidden(host, rules))
      ? `${host} is a private address, which is not allowed`
      : `nothing answers at ${host}${port === undefined ? '' : ` port ${port}`}`
  for (const [pattern, words] of WORDS) {
    const match = pattern.exec(output)
    if (match) return words(match)
  }
  return undefined
}

async function isForbidden(host: string, rules: AddressRules): Promise<boolean> {
  const found = await lookup(host, { all: true }).catch(() => [])
  return found.some(({ address }) => !rules.allows(address))
}
