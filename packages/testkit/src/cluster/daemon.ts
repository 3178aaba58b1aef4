import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'

/** A program of the cluster that runs until it is stopped explicitly. */
export interface Daemon {
  readonly name: string
  readonly pid: number
  /** Throws an error that contains the end of the program's log if the program is no longer running. */
  check(): void
  stop(): Promise<void>
}

export interface DaemonOptions {
  name: string
  command: string
  args: string[]
  logFile: string
  env?: Record<string, string>
}

/** Starts a program; the kernel kills it when this process ends for any reason. */
export function startDaemon({ name, command, args, logFile, env }: DaemonOptions): Daemon {
  const log = openSync(logFile, 'a')
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
  })
  closeSync(log)
  let failure: Error | undefined
  child.on('error', (error) => (failure = error))
  return {
    name,
    pid: child.pid ?? 0,
    check() {
      if (!failure && !hasEnded(child)) return
      const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-15).join('\n')
      throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}:\n${tail}`, {
        cause: failure,
      })
    },
    async stop() {
      if (failure || hasEnded(child)) return
      const exit = once(child, 'exit')
      // SIGKILL, because a test cluster has no data to keep, and an API server that gets SIGTERM waits for its watchers.
      child.kill('SIGKILL')
      await exit
    },
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
