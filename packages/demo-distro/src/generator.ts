import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { thisHost } from './host-distribution.ts'
import type { DebianHost } from './release.ts'

/** A machine that consists of the mini distribution. */
export interface DistroMachine {
  /** Packages in addition to those of build roots, in the notation of packages.list. */
  packageList: string
  /** The text of /etc/os-release. */
  osRelease: string
}

/** Returns this machine's Debian; throws on others, because the package list is complete for a few releases only. */
export function requireDebian(): DebianHost {
  const host = thisHost()
  if (host.kind === 'debian-like') return host
  const reason =
    host.kind === 'none' ? host.reason : `${host.name} is made of RPMs: its own repositories serve`
  throw new CoprError('unavailable', `Cannot build the mini distribution: ${reason}`)
}

/** Returns a digest of every source file here: when the code or the list changes, the repository is rebuilt. */
export async function generatorDigest(machine?: DistroMachine): Promise<string> {
  const here = new URL('.', import.meta.url)
  const files = (await readdir(here, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .filter((entry) => !entry.parentPath.endsWith('/testing'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
  const hash = createHash('sha256').update(requireDebian().chroot)
  for (const file of files) hash.update(await readFile(file))
  if (machine) hash.update(JSON.stringify(machine))
  return hash.digest('hex')
}
