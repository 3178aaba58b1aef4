import { createHash } from 'node:crypto'
import type { Ownership } from '../provider.ts'

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)
const SUFFIX = /_c([0-9a-f]{8})m(\d+)t[0-9a-f]{8}$/

/**
 * Returns the machine's name for scripts. Because scripts list nothing but names, the name also encodes the installation, the machine and
 * the launch token. It begins with the pool's name, as plugins expect.
 */
export function scriptName(order: Ownership & { name: string; launch_token: string }): string {
  const { installation_id, machine_id, name, launch_token } = order
  return `${name}_c${short(installation_id)}m${machine_id}t${short(launch_token)}`
}

/** Returns the id of the machine that has this name in a script's list; undefined if the machine does not belong to this installation. */
export function machineOfName(name: string, installation_id: string): number | undefined {
  const found = SUFFIX.exec(name)
  return found?.[1] === short(installation_id) ? Number(found[2]) : undefined
}
