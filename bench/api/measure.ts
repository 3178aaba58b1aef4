import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './cases.ts'
import type { Visitor, Visitors } from './samples.ts'

export interface Client extends AsyncDisposable {
  get(path: string, as?: Visitor): Promise<Answered>
  /** Returns the body of the response. */
  text(path: string, as?: Visitor): Promise<string>
  /** Resident memory of the server in MB: current and peak. */
  memory(): { now: number; peak: number }
}

interface Answered {
  status: number
  ms: number
  bytes: number
}

/** Starts the server in a separate process. */
export async function startServer(
  database_url: string,
  { headers }: Pick<Visitors, 'headers'>,
): Promise<Client> {
  const child = fork(new URL('./server.ts', import.meta.url), [database_url], { stdio: 'inherit' })
  const ended = once(child, 'exit')
  const [port] = (await Promise.race([once(child, 'message'), ended.then(() => [undefined])])) as [
    number | undefined,
  ]
  if (port === undefined) throw new Error('The server did not start')
  const ask = async (path: string, as: Visitor = 'owner'): Promise<Response> =>
    await fetch(`http://127.0.0.1:${port}${path}`, { headers: headers[as], redirect: 'manual' })
  return {
    async get(path, as) {
      const began = performance.now()
      const response = await ask(path, as)
      let bytes = 0
      // Reads and discards the response, so that it does not fill this process's memory.
      for await (const chunk of response.body ?? []) bytes += chunk.length
      return { status: response.status, ms: performance.now() - began, bytes }
    },
    text: async (path, as) => await (await ask(path, as)).text(),
    memory: () => memoryOf(child),
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await ended
    },
  }
}

function memoryOf({ pid }: ChildProcess): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mb = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024
  return { now: mb('VmRSS'), peak: mb('VmHWM') }
}

export interface Measured {
  p50: number
  p95: number
  max: number
  /** Size of the largest response. */
  bytes: number
  /** The distinct unexpected status codes of the responses. */
  odd: number[]
}

/** Sends requests, `concurrency` at a time, after some warm-up requests that do not count. */
export async function measure(
  client: Client,
  { path, as, status }: Omit<Case, 'name' | 'route'>,
  { requests, warm_up, concurrency }: { requests: number; warm_up: number; concurrency: number },
): Promise<Measured> {
  // The warm-up uses other paths than the measurement.
  for (let index = 0; index < warm_up; index++) await client.get(path(requests + index), as)
  const answered: Answered[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < requests) answered.push(await client.get(path(next++), as))
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const times = answered.map(({ ms }) => ms).sort((a, b) => a - b)
  const at = (share: number): number => times[Math.ceil(times.length * share) - 1] ?? 0
  const odd = answered.map((each) => each.status).filter((each) => each !== status)
  return {
    p50: at(0.5),
    p95: at(0.95),
    max: at(1),
    bytes: Math.max(...answered.map(({ bytes }) => bytes)),
    odd: [...new Set(odd)],
  }
}

const LOOK_MS = 150
const QUIET = 0.25

/** Waits until other programs leave the processors idle; returns false if they do not within `patience_ms`. */
export async function untilQuiet(patience_ms: number): Promise<boolean> {
  const until = performance.now() + patience_ms
  for (;;) {
    const before = processorTime()
    await sleep(LOOK_MS)
    const after = processorTime()
    if ((after.busy - before.busy) / (after.all - before.all) < QUIET) return true
    if (performance.now() > until) return false
  }
}

/** Returns the CPU time of all processors together, in ticks since boot. */
function processorTime(): { busy: number; all: number } {
  const [, ...ticks] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/)
  // Columns of /proc/stat: user nice system idle iowait irq softirq steal
  const used = ticks.slice(0, 8).map(Number)
  const all = used.reduce((sum, each) => sum + each, 0)
  return { all, busy: all - (used[3] ?? 0) - (used[4] ?? 0) }
}
