import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskContext } from '@copr/agent/handler'
import { FailureScanner } from './failure/failure-scanner.ts'

export interface BuildLogOptions {
  context: Pick<TaskContext, 'writeLog' | 'phase'>
  /** Directory of the separate logs (see {@link LogPart}), which are uploaded when the build ends. */
  dir: string
  max_bytes: number
  /** Called once, when a log exceeds `max_bytes`. */
  onTooLong: () => void
  /** Called once, when a separate log cannot be written; the live log continues. */
  onUnwritable: (error: unknown) => void
}

export const LOG_PARTS = ['root', 'build', 'state', 'hw_info', 'installed_pkgs'] as const
export type LogPart = (typeof LOG_PARTS)[number]

/** The log of one build. Everything goes to the live log, and selected output also goes to separate logs, one file per {@link LogPart}. */
export class BuildLog {
  /** Maps each phase to its duration in seconds, summed if the phase runs more than once. */
  readonly seconds: Record<string, number> = {}
  /** Finds the first error in the live log. */
  readonly scanner = new FailureScanner()
  readonly #options: BuildLogOptions
  readonly #start = performance.now()
  #bytes = 0
  #isTooLong = false
  #isUnwritable = false
  readonly #partBytes: Partial<Record<LogPart, number>> = {}

  constructor(options: BuildLogOptions) {
    this.#options = options
  }

  /** Writes output to the live log as it arrives, and also to the separate log `part` if given; drops everything past the limit. */
  output(chunk: Uint8Array | string, part?: LogPart): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    if (this.#isTooLong) return
    const rest = this.#options.max_bytes - this.#bytes
    const kept = bytes.subarray(0, rest)
    this.#bytes += kept.length
    this.#options.context.writeLog(kept)
    this.scanner.write(kept)
    if (part) this.only(kept, part)
    if (bytes.length <= rest) return
    this.#isTooLong = true
    this.#options.onTooLong()
  }

  /** Writes only to a separate log, not to the live log; drops everything past the limit, which applies to each separate log. */
  only(chunk: Uint8Array | string, part: LogPart): void {
    if (this.#isUnwritable) return
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const before = this.#partBytes[part] ?? 0
    const kept = bytes.subarray(0, this.#options.max_bytes - before)
    this.#partBytes[part] = before + kept.length
    try {
      appendFileSync(join(this.#options.dir, `${part}.log`), kept)
    } catch (error) {
      // If this error were rethrown in the handler of a program's output, it would end the whole agent.
      this.#isUnwritable = true
      this.#options.onUnwritable(error)
    }
  }

  line(text = '', part?: LogPart): void {
    this.output(`${text}\n`, part)
  }

  /** Writes the final line even past the limit, so that readers see why the build ended. */
  lastLine(text: string): void {
    this.#options.context.writeLog(`\n${this.#elapsed()} ${text}\n`)
    this.#state(text)
  }

  command(args: string[], part: LogPart): void {
    this.line(`$ ${args.map(quote).join(' ')}`, part)
  }

  /** Logs the title of a step, runs the step, and adds its duration to `seconds[name]`. */
  async phase<T>(name: string, title: string, step: () => Promise<T>): Promise<T> {
    this.#options.context.phase(title)
    this.line(`\n${this.#elapsed()} ${title[0]?.toUpperCase()}${title.slice(1)}`)
    this.#state(`start: ${title}`)
    const start = performance.now()
    try {
      return await step()
    } finally {
      const seconds = (performance.now() - start) / 1000
      this.seconds[name] = Math.round(((this.seconds[name] ?? 0) + seconds) * 1000) / 1000
      this.#state(`end: ${title} (${seconds.toFixed(3)} s)`)
    }
  }

  #elapsed(): string {
    return `[${((performance.now() - this.#start) / 1000).toFixed(2).padStart(7)} s]`
  }

  #state(text: string): void {
    this.only(`${new Date().toISOString()} ${text}\n`, 'state')
  }
}

/** Quotes an argument as it would be typed into a shell. */
function quote(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`
}
