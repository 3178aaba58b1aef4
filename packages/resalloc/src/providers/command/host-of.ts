import { parse } from 'yaml'
import { z } from 'zod'

export interface Host {
  host: string
  ssh_port: number
}

/** The YAML document that Copr's wrappers for resalloc's plugins print. */
const HostFile = z.object({
  host: z.string().min(1),
  ssh_port: z.coerce.number().int().min(1).max(65535).default(22),
})
const HOST = /^[A-Za-z0-9][A-Za-z0-9.:_%-]*$/

/** Returns a new machine's host, read from the first line of the script's output or from a YAML document with `host` and `ssh_port`. */
export function hostOf(output: string): Host | undefined {
  const [first = ''] = output.trimStart().split('\n')
  const found =
    HOST.test(first.trim()) && !first.includes(': ') ? { host: first.trim() } : parsed(output)
  const host = HostFile.safeParse(found)
  return host.success && HOST.test(host.data.host) ? host.data : undefined
}

function parsed(output: string): unknown {
  try {
    return parse(output)
  } catch {
    return undefined
  }
}
