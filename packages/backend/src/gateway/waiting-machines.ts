import { messageOf } from '@copr/process/errors'
import { Bell } from '@copr/process/every'
import type { Logger } from '@copr/process/log'

export interface WaitingMachinesOptions {
  /** Returns the IDs of the given machines that may find a task. */
  find: (machine_ids: number[]) => Promise<number[]>
  /** Calls `changed` at each change of the queue, until disposed. */
  listen: (changed: () => void) => Disposable
  /** Interval, in milliseconds, at which to look for tasks while a machine waits, because a task may become due without a notification. */
  every_ms: number
  log: Logger
}

/**
 * The machines that are waiting for a task. A single database query finds all machines that should claim, instead of one query per machine.
 */
export class WaitingMachines {
  readonly #options: WaitingMachinesOptions
  readonly #waiting = new Map<Bell, number>()
  #listening: Disposable | undefined
  #isLooking = false
  #lookAgain = false

  constructor(options: WaitingMachinesOptions) {
    this.#options = options
  }

  /** Adds a machine; `bell` rings when the machine should claim. No change of the queue after this call is missed. */
  add(machine_id: number): { bell: Bell; [Symbol.dispose]: () => void } {
    const bell = new Bell()
    this.#waiting.set(bell, machine_id)
    this.#listening ??= this.#listen()
    return {
      bell,
      [Symbol.dispose]: () => {
        this.#waiting.delete(bell)
        if (this.#waiting.size > 0) return
        this.#listening?.[Symbol.dispose]()
        this.#listening = undefined
      },
    }
  }

  #listen(): Disposable {
    const { listen, every_ms } = this.#options
    const look = (): void => void this.#look()
    const timer = setInterval(look, every_ms)
    const listening = listen(look)
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer)
        listening[Symbol.dispose]()
      },
    }
  }

  /** Queries which machines have work, and rings their bells. Any number of changes during a query cause one more query. */
  async #look(): Promise<void> {
    this.#lookAgain = true
    if (this.#isLooking) return
    this.#isLooking = true
    while (this.#lookAgain) {
      this.#lookAgain = false
      await this.#lookOnce()
    }
    this.#isLooking = false
  }

  async #lookOnce(): Promise<void> {
    const { find, log } = this.#options
    const asked = [...this.#waiting]
    if (asked.length === 0) return
    try {
      const found = new Set(await find(asked.map(([, id]) => id)))
      for (const [bell, id] of asked) if (found.has(id)) bell.ring()
    } catch (error) {
      log.warn(
        { error: messageOf(error) },
        'Cannot query which waiting machines have work, waking all of them',
      )
      for (const [bell] of asked) bell.ring()
    }
  }
}
