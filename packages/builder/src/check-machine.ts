import { CoprError } from '@copr/process/errors'
import { missingPrograms, missingSentence } from './programs.ts'
import { sandboxFaults } from './sandbox-faults.ts'

/** Programs of every build. */
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
  /** Programs that the caller needs besides. */
  programs?: string[]
}

/** Why builds could not run on this machine, each a sentence for the administrator; none when all is well. */
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

/** Throws with everything that keeps builds from running on this machine. */
export async function checkMachine(options?: CheckOptions): Promise<void> {
  const faults = await machineFaults(options)
  if (faults.length > 0)
    throw new CoprError('unavailable', `Cannot build on this machine: ${faults.join('; ')}`)
}
