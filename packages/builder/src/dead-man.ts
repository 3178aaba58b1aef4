import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentConfig } from '@copr/contract/agent-config'

const LOOK_MS = 1_000

export interface DeadManOptions {
  limits: AgentConfig['dead_man']
  /** Returns the seconds since boot, or the time of another clock that cannot be set. */
  uptime: () => number
  /** Called at most once, with the reason as a sentence. */
  onDeath: (reason: string) => void
  look_ms?: number
}

/** Dead man's switch: reports when the agent has become useless, because it never enrolled, has lost contact, or is too old. */
export class DeadMan implements Disposable {
  readonly #options: DeadManOptions
  readonly #started: number
  readonly #timer: NodeJS.Timeout
  #contact: number | undefined

  constructor(options: DeadManOptions) {
    this.#options = options
    this.#started = options.uptime()
    this.#timer = setInterval(() => this.#look(), options.look_ms ?? LOOK_MS)
  }

  /** Records that the gateway has responded and knows this machine. */
  contact(): void {
    this.#contact = this.#options.uptime()
  }

  #look(): void {
    const reason = this.#reason()
    if (reason === undefined) return
    clearInterval(this.#timer)
    this.#options.onDeath(reason)
  }

  #reason(): string | undefined {
    const { limits, uptime } = this.#options
    const now = uptime()
    const { enroll_seconds, silence_seconds, lifetime_seconds } = limits
    if (now - this.#started > lifetime_seconds)
      return `The machine is older than its lifetime of ${lifetime_seconds} seconds`
    if (this.#contact === undefined)
      return now - this.#started > enroll_seconds
        ? `The machine did not enroll within ${enroll_seconds} seconds`
        : undefined
    return now - this.#contact > silence_seconds
      ? `The gateway has not responded for ${silence_seconds} seconds`
      : undefined
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

export function uptimeSeconds(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
}

/** Writes the time of the last contact for the dead man's switch that runs outside the agent (dead-man.sh). */
export function noteContact(state_dir: string, uptime: number): void {
  const path = join(state_dir, 'contact')
  writeFileSync(`${path}.new`, `${uptime}\n`)
  renameSync(`${path}.new`, path)
}
