import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '@copr/process/errors'
import { addressRules } from '@copr/process/guarded/address-rules'
import { missingPrograms, missingSentence } from '../../programs.ts'
import { startUserNetwork } from './user-network.ts'

const PROGRAMS = ['slirp4netns', 'ip', 'nsenter', 'prlimit', 'setpriv', 'unshare']
const TUN = '/dev/net/tun'
/** User and group ID of `nobody`; the trial needs no account of its own. */
const NOBODY = 65534

/**
 * Returns why this machine cannot give a build network access, as sentences for the administrator; empty if it can. Starts and ends
 * a network to find out.
 */
export async function userNetworkFaults(): Promise<string[]> {
  const faults: string[] = []
  const missing = missingPrograms(PROGRAMS)
  if (missing.length > 0)
    faults.push(`Builds with network access cannot run: ${missingSentence(missing)}`)
  if (!existsSync(TUN))
    faults.push(
      `Builds with network access cannot run: the device ${TUN} is missing; run "modprobe tun", or if this is a container, pass the device to it (podman, docker: --device ${TUN})`,
    )
  if (faults.length > 0) return faults
  try {
    await tryNetwork()
  } catch (error) {
    const reason = messageOf(error).replaceAll(/\s+/g, ' ').slice(0, 500)
    return [`Builds with network access cannot run: ${reason}`]
  }
  return []
}

async function tryNetwork(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-network-'))
  const child = spawn('unshare', ['--net', '/bin/sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  try {
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.stdout.once('data', () => resolve())
      child.stderr.once('data', (words: Buffer) => reject(new Error(words.toString().trim())))
    })
    await using _network = await startUserNetwork({
      network_namespace: `/proc/${child.pid}/ns/net`,
      uid: NOBODY,
      gid: NOBODY,
      rules: addressRules(false),
      dir,
      signal: AbortSignal.timeout(30_000),
    })
    child.stdin.end()
    await ended
  } finally {
    child.kill('SIGKILL')
    await rm(dir, { recursive: true, force: true })
  }
}
