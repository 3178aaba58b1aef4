import { CoprError } from '@copr/process/errors'
import { run, type RunOutcome } from '@copr/process/run'

/** Runs podman on this machine. */
export interface Podman {
  /** Returns the output; if the command fails, throws with its last 10 lines. */
  run(args: string[], options?: { input?: string; timeout_ms?: number }): Promise<string>
  /** Runs a command and returns its outcome, even if it fails. */
  try(args: string[], options?: { timeout_ms?: number }): Promise<RunOutcome>
  json<T>(args: string[]): Promise<T>
}

/**
 * Opens podman for commands. Each command begins with the options in the variable `PODMAN_ARGS`, for machines that need some, and then
 * those in `more`. podman inherits the environment, which may contain variables such as `CONTAINERS_CONF`.
 */
export function openPodman(env: NodeJS.ProcessEnv, stop: AbortSignal, more: string[] = []): Podman {
  const given = (env['PODMAN_ARGS'] ?? '').split(/\s+/).filter((word) => word !== '')
  const always = [...given, ...more]
  const known = Object.fromEntries(
    Object.entries(env).filter((each): each is [string, string] => each[1] !== undefined),
  )
  const attempt: Podman['try'] = async (args, options = {}) => {
    try {
      return await run('podman', [...always, ...args], {
        env: known,
        signal: stop,
        answer_only: true,
        ...options,
      })
    } catch {
      throw new CoprError(
        'unavailable',
        'Cannot run podman: it is not installed; install it with "make up-containers" or with your package manager',
      )
    }
  }
  const insist: Podman['run'] = async (args, options) => {
    const outcome = await attempt(args, options)
    if (outcome.ok) return outcome.output
    stop.throwIfAborted()
    const said = outcome.output.trim().split('\n').slice(-10).join('\n')
    throw new CoprError(
      'unavailable',
      `Cannot continue: podman ${args.slice(0, 3).join(' ')} failed: ${said}`,
    )
  }
  return {
    run: insist,
    try: attempt,
    json: async <T>(args: string[]) => JSON.parse(await insist(args)) as T,
  }
}
