import { readFile, statfs } from 'node:fs/promises'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentConfig } from '@copr/contract/agent-config'
import type { SelfTest } from '@copr/contract/builder-protocol'
import { messageOf } from '@copr/process/errors'
import type { Logger } from '@copr/process/log'
import { machineFaults } from './check-machine.ts'
import { memoryOfMachine } from './sandbox/limits.ts'

const MIB = 1024 ** 2
const PROBE_AGAIN_MS = 2_000
const PROBE_MS = 10_000

export interface SelfTestOptions {
  gateway_url: string
  scratch_dir: string
  needs: AgentConfig['self_test']
  log: Logger
  stop: AbortSignal
}

/**
 * Checks whether builds can run on this machine before it gets its first task. Waits until it can reach the gateway, because it compares
 * the clocks.
 */
export async function selfTest(options: SelfTestOptions): Promise<SelfTest> {
  const { min_disk_mb, min_memory_mb, max_clock_skew_seconds } = options.needs
  const facts = {
    cpus: cpus().length,
    ...(await memory()),
    disk_mb: await freeMb(options.scratch_dir),
  }
  const faults: SelfTest['faults'] = []
  const fault = (kind: SelfTest['faults'][number]['kind'], message: string): void =>
    void faults.push({ kind, message: message.slice(0, 1000) })
  if (facts.disk_mb < min_disk_mb)
    fault(
      'disk',
      `Only ${facts.disk_mb} MB are free at ${options.scratch_dir}: it needs ${min_disk_mb}`,
    )
  const memory_mb = facts.memory_mb + facts.swap_mb
  if (memory_mb < min_memory_mb)
    fault('memory', `It has only ${memory_mb} MB of memory and swap: it needs ${min_memory_mb}`)
  const skew = await clockSkew(options)
  if (Math.abs(skew) > max_clock_skew_seconds)
    fault('clock', `Its clock is ${Math.abs(skew)} seconds ${skew < 0 ? 'behind' : 'ahead'}`)
  for (const message of await machineFaults({ dir: options.scratch_dir })) fault('sandbox', message)
  return { faults, ...facts }
}

/** Returns the memory of the machine, or that of this container if it has less. Swap is always the machine's. */
async function memory(): Promise<{ memory_mb: number; swap_mb: number }> {
  const info = await readFile('/proc/meminfo', 'utf8')
  const swap_kib = Number(/^SwapTotal:\s+(\d+) kB/m.exec(info)?.[1] ?? 0)
  return {
    memory_mb: Math.floor(memoryOfMachine() / MIB),
    swap_mb: Math.floor(swap_kib / 1024),
  }
}

async function freeMb(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir)
  return Math.floor((bavail * bsize) / MIB)
}

/**
 * Returns how far this machine's clock is ahead of the gateway's (negative if it is behind), in whole seconds, the resolution of HTTP
 * dates.
 */
async function clockSkew({ gateway_url, log, stop }: SelfTestOptions): Promise<number> {
  for (;;) {
    try {
      const signal = AbortSignal.any([stop, AbortSignal.timeout(PROBE_MS)])
      const asked = Date.now()
      const response = await fetch(`${gateway_url.replace(/\/+$/, '')}/builder/agent`, { signal })
      await response.body?.cancel()
      const theirs = Date.parse(response.headers.get('date') ?? '')
      // Assumes that `Date` was set halfway through the request, and in the middle of the second that it reports.
      if (Number.isFinite(theirs))
        return Math.round(((asked + Date.now()) / 2 - theirs - 500) / 1000)
      throw new Error('its answer has no date')
    } catch (error) {
      stop.throwIfAborted()
      log.warn({ reason: messageOf(error) }, 'Cannot reach the gateway, trying again')
      await sleep(PROBE_AGAIN_MS, undefined, { signal: stop })
    }
  }
}
