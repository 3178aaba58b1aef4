import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { run } from '@copr/process/run'

/** Program → the package that has it, where that is not its name. */
const PROGRAMS: Record<string, string> = {
  dnf: 'dnf',
  rpm: 'rpm',
  git: 'git',
  flock: 'util-linux',
  mount: 'util-linux',
  pivot_root: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  hostname: 'hostname',
  ip: 'iproute2',
}

const TRY_OVERLAY = `
mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir lower upper work merged &&
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged && ip link set lo up
`

/** Why builds could not run on this machine, each a sentence for the administrator; none when all is well. */
export async function machineFaults(): Promise<string[]> {
  const faults: string[] = []
  if (process.platform !== 'linux')
    return [`Builds need Linux: this machine runs ${process.platform}`]
  if (process.getuid?.() !== 0)
    faults.push('Builds need root for namespaces and mounts: start the builder as root')
  const missing: string[] = []
  for (const program of Object.keys(PROGRAMS))
    if (!(await isInstalled(program))) missing.push(program)
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((program) => PROGRAMS[program]))].join(' ')
    faults.push(`Programs are missing: ${missing.join(', ')}; install the packages ${packages}`)
  }
  if (faults.length === 0) faults.push(...(await namespaceFaults()))
  return faults
}

/** Throws with everything that keeps builds from running on this machine. */
export async function checkMachine(): Promise<void> {
  const faults = await machineFaults()
  if (faults.length > 0)
    throw new CoprError('unavailable', `Cannot build on this machine: ${faults.join('; ')}`)
}

async function isInstalled(program: string): Promise<boolean> {
  const found = await run('/bin/sh', ['-c', 'command -v "$1"', 'sh', program])
  return found.ok
}

async function namespaceFaults(): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-check-'))
  try {
    await mkdir(join(dir, 'try'))
    const namespaces = [
      '--mount',
      '--propagation',
      'private',
      '--pid',
      '--fork',
      '--ipc',
      '--uts',
      '--net',
    ]
    const tried = await run('unshare', [
      ...namespaces,
      '/bin/sh',
      '-c',
      TRY_OVERLAY,
      'sh',
      join(dir, 'try'),
    ])
    if (tried.ok) return []
    return [
      `Namespaces or overlay mounts are forbidden here (${tried.output.trim().slice(-300)}): in a container, it must run privileged or as root of a user namespace`,
    ]
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
