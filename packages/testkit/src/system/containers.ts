import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { run, runOrThrow } from '@copr/process/run'
import { missingPrograms } from './requirements.ts'

const STOP_SECONDS = 15
/** podman raises these limits by default, which some machines do not allow. A build needs many processes. */
const ULIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=32768:32768']
const ENGINE = ['--runtime', 'runc', '--log-level', 'error']

/** Returns why containers cannot run on this machine; false if they can. */
export async function whyNoContainers(image: string): Promise<string | false> {
  const missing = missingPrograms(process.env['PATH'], ['podman', 'runc'])
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  const tried = await run('podman', runArgs(image, { options: ['--rm'], args: ['--version'] }))
  return tried.ok ? false : `podman cannot run ${image} here: ${tried.output.trim()}`
}

export interface ContainerOptions {
  /** Options for `podman run`. */
  options?: string[]
  /** Arguments for the image's entry point. */
  args: string[]
}

function runArgs(image: string, { options = [], args }: ContainerOptions): string[] {
  return [...ENGINE, 'run', '--network', 'host', ...ULIMITS, ...options, image, ...args]
}

/** Runs a container until it exits; returns its output. */
export async function runContainer(image: string, options: ContainerOptions): Promise<string> {
  const withRm = { ...options, options: ['--rm', ...(options.options ?? [])] }
  return await runOrThrow('podman', runArgs(image, withRm), { timeout_ms: 60_000 })
}

export interface Container extends AsyncDisposable {
  readonly name: string
  /** Returns the name of the container's process 1. */
  process1(): Promise<string>
  /** Returns the lines of the container's log so far. */
  log(): Promise<string[]>
  exec(...command: string[]): Promise<string>
  /** Sends SIGTERM; returns the exit code. */
  stop(): Promise<number>
}

/** Starts a container; it is removed at the end of the scope. */
export async function startContainer(
  name: string,
  image: string,
  { options = [], args }: ContainerOptions,
): Promise<Container> {
  const detached = ['--detach', '--name', name, ...options]
  await runOrThrow('podman', runArgs(image, { options: detached, args }))
  const inspect = async (format: string): Promise<string> =>
    (await runOrThrow('podman', ['inspect', '--format', format, name])).trim()
  return {
    name,
    process1: async () =>
      readFileSync(`/proc/${await inspect('{{.State.Pid}}')}/comm`, 'utf8').trim(),
    log: async () => (await logOf(name)).split('\n').filter((line) => line !== ''),
    exec: async (...command) => await runOrThrow('podman', [...ENGINE, 'exec', name, ...command]),
    async stop() {
      await runOrThrow('podman', [...ENGINE, 'stop', '--time', String(STOP_SECONDS), name])
      return Number(await inspect('{{.State.ExitCode}}'))
    },
    async [Symbol.asyncDispose]() {
      await run('podman', [...ENGINE, 'rm', '--force', '--time', '5', '--volumes', name])
    },
  }
}

/** Returns the whole log; `run()` would keep only the end of the output. */
async function logOf(name: string): Promise<string> {
  const child = spawn('podman', ['logs', name], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await once(child, 'close')
  return text
}
