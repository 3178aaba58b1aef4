import { readFileSync, statfsSync } from 'node:fs'
import { MachineFault } from '@copr/agent/machine-fault'

const LOOK_MS = 1_000
/** With less free space than this, the next writes may fail. */
const FULL_BYTES = 64 * 1024 ** 2
/** With fewer free inodes than this, creating the next files may fail. */
const FULL_INODES = 64

/** Reads the free space on a disk and the number of OOM kills so far. */
export interface MachineGauges {
  freeBytes: () => number
  oomKills: () => number
}

/** Watches memory and disk during a build, to distinguish the machine's faults from the build's own. */
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

  /**
   * Returns a MachineFault that explains a failed build if memory or disk space has run out since the watch began; undefined if neither
   * has.
   */
  blame(failure: string): MachineFault | undefined {
    if (this.#gauges.oomKills() > this.#kills)
      return new MachineFault('out_of_memory', `The machine ran out of memory: ${failure}`)
    return this.blameDisk(failure)
  }

  /** Returns a MachineFault if the machine's disk was full at any time since the watch began; undefined otherwise. */
  blameDisk(failure: string): MachineFault | undefined {
    this.#look()
    if (this.#least < FULL_BYTES)
      return new MachineFault('disk_full', `The machine ran out of disk space: ${failure}`)
    return undefined
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

/**
 * Returns gauges for OOM kills and for the file system of `dir`, a directory that must outlive the build. A file system without free inodes
 * counts as full.
 */
export function gaugesOf(dir: string): MachineGauges {
  return {
    freeBytes: () => {
      const { bavail, bsize, files, ffree } = statfsSync(dir)
      // Some file systems have no fixed number of inodes and report 0.
      return files > 0 && ffree < FULL_INODES ? 0 : bavail * bsize
    },
    oomKills,
  }
}

/**
 * Counts the OOM kills in the agent's cgroup and its descendants. Sandboxes with cgroups of their own do not count: their kills happen in
 * builds that reach their own limit. A counter for the whole machine would include these kills.
 */
function oomKills(): number {
  const groups = read('/proc/self/cgroup')
  const unified = /^0::(.*)$/m.exec(groups)?.[1]
  const memory = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1]
  const text =
    memory === undefined
      ? read(`/sys/fs/cgroup${unified ?? ''}/memory.events`)
      : read(`/sys/fs/cgroup/memory${memory}/memory.oom_control`)
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // this kernel has no such file
  }
}
