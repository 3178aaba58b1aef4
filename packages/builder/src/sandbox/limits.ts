import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'

/** The maximum that a sandbox may use, for all of its processes together unless noted otherwise. */
export interface SandboxLimits {
  memory_bytes: number
  processes: number
  /** Maximum number of open files per process. */
  open_files: number
  /** Size of /dev/shm, which counts as memory. */
  shared_memory_bytes: number
}

const MIB = 1024 ** 2
/** Memory reserved for the agent, the supervisor and the kernel. */
const RESERVED_BYTES = 512 * MIB
/**
 * Maximum number of processes per core; threads count as processes. With four times as many, a fork bomb stalls a machine with two cores
 * for minutes.
 */
const PROCESSES_PER_CORE = 512
const MIN_PROCESSES = 4096
const MAX_PROCESSES = 16_384
const MAX_OPEN_FILES = 10_240
const MAX_SHARED_BYTES = 1024 * MIB

/** Returns limits with which the machine stays able to work, whatever a sandbox does. */
export function limitsOfMachine(): SandboxLimits {
  const total = memoryOfMachine()
  const memory_bytes = total - Math.min(RESERVED_BYTES, Math.floor(total / 8))
  return {
    memory_bytes,
    processes: processesOfMachine(),
    open_files: Math.min(MAX_OPEN_FILES, openFilesOfAgent()),
    shared_memory_bytes: Math.min(MAX_SHARED_BYTES, Math.floor(memory_bytes / 4)),
  }
}

function processesOfMachine(): number {
  const wanted = Math.max(MIN_PROCESSES, PROCESSES_PER_CORE * availableParallelism())
  return Math.min(wanted, MAX_PROCESSES, Math.floor(numberIn('/proc/sys/kernel/pid_max') / 2))
}

/** Returns this process's hard limit on open files, which root in a container may be unable to raise. */
function openFilesOfAgent(): number {
  const text = readFileSync('/proc/self/limits', 'utf8')
  const limit = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(text)?.[1])
  return Number.isNaN(limit) ? Infinity : limit
}

/** Returns the memory of the machine in bytes, or that of this container if it has less. */
export function memoryOfMachine(): number {
  const limits = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']
  return Math.min(totalmem(), ...limits.map(numberIn))
}

function numberIn(path: string): number {
  try {
    const value = Number(readFileSync(path, 'utf8').trim())
    return Number.isFinite(value) && value > 0 ? value : Infinity
  } catch {
    return Infinity // the kernel or the control group has no such file
  }
}
