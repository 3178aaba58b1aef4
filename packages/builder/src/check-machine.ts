import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { CoprError } from '@copr/process/errors'
import { missingPrograms, missingSentence } from './programs.ts'
import { sandboxFaults } from './sandbox-faults.ts'
import { idsOfContainer } from './sandbox/id-range.ts'
import { OCI_RUNTIMES, ociRuntime } from './sandbox/runtime.ts'
import { userNetworkFaults } from './sandbox/network/network-faults.ts'

/** Programs that every build needs. */
const PROGRAMS = ['dnf', 'rpm', 'git', 'flock', 'mount', 'python3', 'setpriv', 'unshare', 'ip']

interface CheckOptions {
  /** Additional programs that the caller needs. */
  programs?: string[]
  /** An existing directory on the file system that builds use. Default: the directory for temporary files. */
  dir?: string
}

/** Returns the reasons why builds cannot run on this machine, as sentences for the administrator; empty if they can. */
export async function machineFaults({ programs = [], dir = tmpdir() }: CheckOptions = {}): Promise<
  string[]
> {
  const faults: string[] = []
  if (process.platform !== 'linux')
    return [`Builds need Linux: this machine runs ${process.platform}`]
  if (process.getuid?.() !== 0)
    faults.push('Builds need root for namespaces and mounts: start the builder as root')
  const runtime = ociRuntime() ?? OCI_RUNTIMES[0]
  const missing = missingPrograms([...PROGRAMS, runtime, ...programs])
  if (missing.length > 0) faults.push(missingSentence(missing))
  if (faults.length === 0) faults.push(...(await sandboxFaults(dir)))
  // In a container, builds without network access are not a fault: a pod has the device that they need only if the cluster has a plugin
  // that provides it. Without the device, only builds that request network access fail.
  const isContainer = idsOfContainer(readFileSync('/proc/self/uid_map', 'utf8')) !== undefined
  if (faults.length === 0 && !isContainer) faults.push(...(await userNetworkFaults()))
  return faults
}

/** Throws an error that lists everything that prevents builds on this machine. */
export async function checkMachine(options?: CheckOptions): Promise<void> {
  const faults = await machineFaults(options)
  if (faults.length > 0)
    throw new CoprError('unavailable', `Cannot build on this machine: ${faults.join('; ')}`)
}
