import { existsSync, readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Ends what an earlier process left running on this folder: a whole server whose parent was killed, or the
 * sessions of a server that was killed itself. PostgreSQL's own pid file is left to PostgreSQL.
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
 * The server and its sessions all work in the folder. Folders are compared by device and inode: a process of a
 * container works in a folder of the same path, which is another one.
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
    return false // it has ended, or is somebody else's
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // it has ended by itself
  }
}
