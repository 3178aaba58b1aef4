import { execa } from 'execa'

export interface RunOptions {
  signal?: AbortSignal
  timeout_ms?: number
  cwd?: string
  /** The environment of the program. It inherits nothing else except PATH. */
  env?: Record<string, string>
  input?: string | Uint8Array
  /** Called with each chunk of the program's output; stdout and stderr arrive in one stream. */
  onOutput?: (chunk: Buffer) => void
  uid?: number
  gid?: number
  /** If set, `output` of a successful program contains only its stdout; for programs that print warnings to stderr. */
  answer_only?: boolean
}

export type RunOutcome =
  | { ok: true; output: string }
  | {
      ok: false
      reason: 'failed' | 'timed_out' | 'canceled'
      exit_code: number | undefined
      output: string
    }

/** Maximum output that is kept in memory; earlier output is only passed to `onOutput`. */
const KEPT_BYTES = 1024 * 1024

/**
 * Runs a program without a shell. Returns an outcome even if the program fails; throws if it cannot be started. `output` contains about the
 * last mebibyte of stdout and stderr.
 */
export async function run(
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<RunOutcome> {
  const { signal, timeout_ms, cwd, env, input, onOutput, uid, gid, answer_only } = options
  const kept = tail()
  const answer = tail()
  const child = execa(command, args, {
    reject: false,
    all: true,
    buffer: false,
    encoding: 'buffer',
    stripFinalNewline: false,
    extendEnv: false,
    env: {
      PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C.UTF-8',
      ...env,
    },
    forceKillAfterDelay: 5_000,
    killDescendants: true,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    ...(timeout_ms === undefined ? {} : { timeout: timeout_ms }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
  child.all.on('data', (chunk: Buffer) => {
    onOutput?.(chunk)
    kept.add(chunk)
  })
  if (answer_only) child.stdout.on('data', (chunk: Buffer) => answer.add(chunk))
  const result = await child
  const output = kept.text()
  if (!result.failed) return { ok: true, output: answer_only ? answer.text() : output }
  if (result.isCanceled)
    return { ok: false, reason: 'canceled', exit_code: result.exitCode, output }
  if (result.timedOut) return { ok: false, reason: 'timed_out', exit_code: result.exitCode, output }
  if (result.exitCode === undefined && result.signal === undefined)
    throw new Error(`Cannot run ${command}`, { cause: result.cause ?? result })
  return { ok: false, reason: 'failed', exit_code: result.exitCode, output }
}

/** Keeps the end of a program's output. */
function tail(): { add(chunk: Buffer): void; text(): string } {
  const kept: Buffer[] = []
  let bytes = 0
  return {
    add(chunk) {
      kept.push(chunk)
      bytes += chunk.length
      while (bytes > KEPT_BYTES && kept.length > 1) bytes -= kept.shift()?.length ?? 0
    },
    text: () => Buffer.concat(kept).toString('utf8'),
  }
}

/** Runs a program like `run()` and returns its output; if the program fails, throws an error with the end of the output. */
export async function runOrThrow(
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<string> {
  const outcome = await run(command, args, options)
  if (outcome.ok) return outcome.output
  const tail = outcome.output.trim().split('\n').slice(-15).join('\n')
  throw new Error(
    `${command} ${args[0] ?? ''} ${outcome.reason} (exit code ${outcome.exit_code ?? 'none'}): ${tail}`,
  )
}
