import { CoprError } from '@copr/process/errors'
import { missingPrograms, missingSentence } from './programs.ts'
import { sandboxFaults } from './sandbox-faults.ts'

/** Programs that every build needs. */
const PROGRAMS = [
  'dnf',
  'rpm',
  'git',
  'flock',
  'mount',
  'pivot_root',
  'prlimit',
  'setpriv',
  'unshare',
  'hostname',
  'ip',
]

interface CheckOptions {
  /** Additional programs that the caller needs. */
  programs?: string[]
}

/** Returns the reasons why builds cannot run on this machine, each a sentence for the administrator; empty if they can. */
export async function machineFaults({ programs = [] }: CheckOptions = {}): Promise<string[]> {
  const faults: string[] = []
  if (process.platform !== 'linux')
    return [`Builds need Linux: this machine runs ${process.platform}`]
  if (process.getuid?.() !== 0)
    faults.push('Builds need root for namespaces and mounts: start the builder as root')
  const missing = missingPrograms([...PROGRAMS, ...programs])
  if (missing.length > 0) faults.push(missingSentence(missing))
  if (faults.length === 0) faults.push(...(await sandboxFaults()))
  return faults
}

/** Throws an error that lists everything that prevents builds on this machine. */
export async function checkMachine(options?: CheckOptions): Promise<void> {
  const faults = await machineFaults(options)
  if (faults.length > 0)
    throw new CoprError('unavailable', `Cannot build on this machine: ${faults.join('; ')}`)
}
