import { existsSync, readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Stops the server processes that an earlier process left running on this folder: either a complete server whose parent was killed, or the
 * sessions of a server that was itself killed. Does not touch the PID file, which PostgreSQL manages.
 */
export async function stopLeftOver(data: string): Promise<void> {
  const postmaster = postmasterOf(data)
  if (postmaster !== undefined) signal(postmaster, 'SIGINT')
  const began = Date.now()
  for (;;) {
    const left = processesIn(data)
    if (left.length === 0) return
    const waited_ms = Date.now() - began
    if (waited_ms > (postmaster === undefined ? 3_000 : 20_000))
      for (const pid of left) signal(pid, 'SIGKILL')
    await sleep(50)
  }
}

function postmasterOf(data: string): number | undefined {
  const pidFile = join(data, 'postmaster.pid')
  if (!existsSync(pidFile)) return undefined
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  return processesIn(data).includes(pid) ? pid : undefined
}

/**
 * Returns the IDs of the processes whose working directory is the folder: the server and its sessions. Compares device and inode, because
 * in a container a process may have a working directory with the same path that is a different folder.
 */
function processesIn(data: string): number[] {
  const folder = statSync(data, { throwIfNoEntry: false })
  if (folder === undefined) return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => worksIn(pid, folder)).map(Number)
}

function worksIn(pid: string, folder: Stats): boolean {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/cwd`)
    return dev === folder.dev && ino === folder.ino
  } catch {
    return false // it has exited, or belongs to another user
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // it has already exited
  }
}
