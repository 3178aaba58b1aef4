import { readFileSync, statfsSync } from 'node:fs'
import { MachineFault } from '@copr/process/agent/machine-fault'

const LOOK_MS = 1_000
/** With less than this, writing fails sooner or later, whoever writes. */
const FULL_BYTES = 64 * 1024 ** 2

/** How much is left on a disk, and how often the kernel has killed for want of memory. */
export interface MachineGauges {
  freeBytes: () => number
  oomKills: () => number
}

/** Watches, while a build runs, for what would make it fail without being its fault. */
export class MachineWatch implements Disposable {
  readonly #gauges: MachineGauges
  readonly #kills: number
  readonly #timer: NodeJS.Timeout
  #least: number

  constructor(gauges: MachineGauges, look_ms = LOOK_MS) {
    this.#gauges = gauges
    this.#kills = gauges.oomKills()
    this.#least = gauges.freeBytes()
    this.#timer = setInterval(() => this.#look(), look_ms)
  }

  #look(): void {
    this.#least = Math.min(this.#least, this.#gauges.freeBytes())
  }

  /** What the machine has lacked since the beginning, given that the build failed. */
  blame(failure: string): MachineFault | undefined {
    this.#look()
    if (this.#gauges.oomKills() > this.#kills)
      return new MachineFault('out_of_memory', `The machine ran out of memory: ${failure}`)
    if (this.#least < FULL_BYTES)
      return new MachineFault('disk_full', `The disk of the machine ran full: ${failure}`)
    return undefined
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

/** Of the disk of a folder that outlives the build. */
export function gaugesOf(dir: string): MachineGauges {
  return {
    freeBytes: () => {
      const { bavail, bsize } = statfsSync(dir)
      return bavail * bsize
    },
    oomKills,
  }
}

/** Of this control group and those below it where the kernel tells, otherwise of the machine. */
function oomKills(): number {
  const group = /^0::(.*)$/m.exec(read('/proc/self/cgroup'))?.[1]
  const own = group === undefined ? '' : read(`/sys/fs/cgroup${group}/memory.events`)
  const text = own || read('/proc/vmstat')
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // this kernel has no such file
  }
}
