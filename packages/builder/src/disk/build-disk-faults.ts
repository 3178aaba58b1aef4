import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '@copr/process/run'
import {
  causeOf,
  type NamespaceSupport,
  PRIVILEGED,
  readNamespaceSupport,
} from '../namespace-cause.ts'
import { missingPrograms, missingSentence } from '../programs.ts'
import { wordsOf } from '../sandbox-faults.ts'

const PROGRAMS = ['mkfs.ext4', 'mount', 'umount', 'losetup']

/** Maps the exit code of the script below to the step that failed. */
const STEPS = { 91: 'image', 92: 'loop', 93: 'mount' } as const
type Step = (typeof STEPS)[keyof typeof STEPS]

/** This script runs in its own mount namespace. When the namespace ends, so do the mount and its loop device. */
const TRY_STEPS = `
truncate --size 64M "$1/image" && mkfs.ext4 -q -F "$1/image" || exit 91
losetup --find >/dev/null || exit 92
mkdir "$1/mount" && mount -t ext4 -o loop "$1/image" "$1/mount" || exit 93
`

/**
 * Returns why builds on this machine cannot have disks of their own, as sentences for the administrator; empty if they can.
 * `dir` is where the disks would be.
 */
export async function buildDiskFaults(dir = tmpdir()): Promise<string[]> {
  const missing = missingPrograms(PROGRAMS)
  if (missing.length > 0) return [missingSentence(missing)]
  const place = await mkdtemp(join(dir, 'copr-check-'))
  try {
    const flags = ['--mount', '--propagation', 'private']
    const tried = await run('unshare', [...flags, '/bin/sh', '-c', TRY_STEPS, 'sh', place])
    if (tried.ok) return []
    const words = wordsOf(tried.output)
    const step = STEPS[(tried.exit_code ?? 0) as keyof typeof STEPS] ?? 'mount'
    const cause = causeOfStep(step, words, readNamespaceSupport())
    return [`Cannot give each build a disk of its own (${words}): ${cause}`]
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

function causeOfStep(step: Step, words: string, facts: NamespaceSupport): string {
  if (step === 'image') return `the file system of its directory cannot hold an image: use another`
  if (/unknown filesystem type|No such device\b(?! or address)/.test(words) && step === 'mount')
    return 'the kernel has no ext4 file system: run "modprobe ext4", on the host if this is a container'
  const { container, in_user_namespace } = facts
  if (step === 'loop' && container !== undefined)
    return `this container (${container}) has no loop devices: ${PRIVILEGED}`
  if (step === 'loop' && !in_user_namespace)
    return 'the kernel has no loop devices: run "modprobe loop"'
  return causeOf('tmpfs', words, facts)
}
