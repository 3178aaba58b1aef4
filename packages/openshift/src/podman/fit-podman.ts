import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoprError } from '@copr/process/errors'
import type { RunOutcome } from '@copr/process/run'
import { limitsToKeep, withLimits } from './host-limits.ts'
import { openPodman, type Podman } from './podman.ts'

/** podman with options that work on this machine. Its temporary configuration is deleted when the scope ends. */
export interface FittedPodman extends Disposable {
  podman: Podman
  /** A sentence about the differences from podman's defaults; undefined if there are none. */
  remark: string | undefined
}

interface FitOptions {
  /** An image that podman has locally; a container of it is started as a test. */
  image: string
  stop: AbortSignal
}

/** A runtime that works with both cgroup v1 and cgroup v2. */
const OTHER_RUNTIME = 'runc'

/** Finds limits and a runtime with which containers start on this machine; throws with the reason if none work. */
export async function fitPodman(
  env: NodeJS.ProcessEnv,
  { image, stop }: FitOptions,
): Promise<FittedPodman> {
  const dir = mkdtempSync(join(tmpdir(), 'copr-podman-'))
  const remove = (): void => rmSync(dir, { recursive: true, force: true })
  try {
    const version = await openPodman(env, stop).run(['--version'])
    const limited = { ...env, ...limitsIn(env, { dir, version }) }
    const found = (podman: Podman, remark?: string): FittedPodman => ({
      podman,
      remark,
      [Symbol.dispose]: remove,
    })
    const podman = openPodman(limited, stop)
    const tried = await startOne(podman, image)
    if (tried.ok) return found(podman)
    const other = openPodman(limited, stop, ['--runtime', OTHER_RUNTIME])
    if ((await startOne(other, image)).ok)
      return found(
        other,
        `podman's runtime cannot start containers here (${lastLine(tried)}): ${OTHER_RUNTIME} is used instead`,
      )
    stop.throwIfAborted()
    throw new CoprError(
      'unavailable',
      `Cannot run containers on this machine, neither with podman's runtime nor with ${OTHER_RUNTIME}: ${lastLine(tried)}; "podman run --rm ${image} --version" must work first`,
    )
  } catch (error) {
    remove()
    throw error
  }
}

async function startOne(podman: Podman, image: string): Promise<RunOutcome> {
  const nothing = ['--entrypoint', '/usr/local/bin/node', image, '--version']
  return await podman.try(['run', '--rm', '--network', 'none', ...nothing], { timeout_ms: 60_000 })
}

function lastLine({ output }: RunOutcome): string {
  const line = output.trim().split('\n').at(-1) ?? ''
  return line.replace(/^Error: /, '').slice(0, 400)
}

/** Returns environment variables that keep containers within the limits of this machine; none if podman may raise limits. */
function limitsIn(
  env: NodeJS.ProcessEnv,
  { dir, version }: { dir: string; version: string },
): Record<string, string> {
  const limits = limitsToKeep({
    limits: readFileSync('/proc/self/limits', 'utf8'),
    status: readFileSync('/proc/self/status', 'utf8'),
    pid_max: readFileSync('/proc/sys/kernel/pid_max', 'utf8'),
  })
  if (limits === undefined || env['CONTAINERS_CONF_OVERRIDE'] !== undefined) return {}
  const path = join(dir, 'containers.conf')
  const isAdded = knowsOverride(version)
  writeFileSync(path, withLimits(isAdded ? '' : presentConfiguration(env), limits))
  return { [isAdded ? 'CONTAINERS_CONF_OVERRIDE' : 'CONTAINERS_CONF']: path }
}

/**
 * Whether podman supports the variable CONTAINERS_CONF_OVERRIDE, as it does since version 4.5. podman reads the file that it names after
 * all other configuration files. The file that CONTAINERS_CONF names would replace them.
 */
function knowsOverride(version: string): boolean {
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(version)?.map(Number) ?? []
  return major > 4 || (major === 4 && minor >= 5)
}

/** Returns the text of the configuration file that takes precedence among those that podman would read; empty if there is none. */
function presentConfiguration(env: NodeJS.ProcessEnv): string {
  const { CONTAINERS_CONF: named, XDG_CONFIG_HOME, HOME = '/root' } = env
  const ofUser = join(XDG_CONFIG_HOME ?? join(HOME, '.config'), 'containers/containers.conf')
  const ofAll = ['/etc/containers/containers.conf', '/usr/share/containers/containers.conf']
  for (const path of named === undefined ? [ofUser, ...ofAll] : [named]) {
    const text = textAt(path)
    if (text !== undefined) return text
  }
  return ''
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
