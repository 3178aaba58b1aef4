import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { thisHost } from './host-distribution.ts'
import type { DebianHost } from './release.ts'

/** A machine on which the mini distribution is installed as the operating system. */
export interface DistroMachine {
  /** Packages to include in addition to those of buildroots, in the format of packages.list. */
  packageList: string
  /** The text of /etc/os-release. */
  osRelease: string
}

/**
 * Returns the Debian-like distribution of this machine. Throws if the machine runs another distribution or an unsupported release, because
 * the package list is complete only for a few releases.
 */
export function requireDebian(): DebianHost {
  const host = thisHost()
  if (host.kind === 'debian-like') return host
  const reason =
    host.kind === 'none' ? host.reason : `${host.name} is made of RPMs: its own repositories serve`
  throw new CoprError('unavailable', `Cannot build the mini distribution: ${reason}`)
}

/**
 * Returns a digest of all source files in this folder; the repository is rebuilt when it changes, that is, when the code or the package
 * list changes.
 */
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
