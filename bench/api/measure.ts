import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Ready } from './server.ts'

export interface Client extends AsyncDisposable, Ready {
  get(path: string): Promise<Answered>
  /** Of the server, in MB: now, and at most since it started or was asked to forget. */
  memory(): { now: number; peak: number }
}

interface Answered {
  status: number
  ms: number
  bytes: number
}

/** Starts the server in a process of its own; requests carry the token and the session of one user. */
export async function startServer(
  database_url: string,
  headers: Record<string, string>,
): Promise<Client> {
  const child = fork(new URL('./server.ts', import.meta.url), [database_url], { stdio: 'inherit' })
  const ended = once(child, 'exit')
  const [ready] = (await Promise.race([once(child, 'message'), ended])) as [Ready | number | null]
  if (ready === null || typeof ready === 'number') throw new Error('The server did not start')
  return {
    ...ready,
    get: (path) => timed(`http://127.0.0.1:${ready.port}${path}`, headers),
    memory: () => memoryOf(child),
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await ended
    },
  }
}

async function timed(url: string, headers: Record<string, string>): Promise<Answered> {
  const began = performance.now()
  const response = await fetch(url, { headers, redirect: 'manual' })
  let bytes = 0
  // Read and dropped: the answer must not fill this process either.
  for await (const chunk of response.body ?? []) bytes += chunk.length
  return { status: response.status, ms: performance.now() - began, bytes }
}

function memoryOf({ pid }: ChildProcess): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mb = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024
  return { now: mb('VmRSS'), peak: mb('VmHWM') }
}

export interface Measured {
  requests: number
  p50: number
  p95: number
  max: number
  /** Of the largest answer. */
  bytes: number
  statuses: number[]
}

/** Sends requests, `concurrency` of them at any time, after a few that do not count. */
export async function measure(
  client: Client,
  path: (index: number) => string,
  { requests, warm_up, concurrency }: { requests: number; warm_up: number; concurrency: number },
): Promise<Measured> {
  // The warm-up asks for other things than what is measured.
  for (let index = 0; index < warm_up; index++) await client.get(path(requests + index))
  const answered: Answered[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < requests) answered.push(await client.get(path(next++)))
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const times = answered.map(({ ms }) => ms).sort((a, b) => a - b)
  const at = (share: number): number => times[Math.ceil(times.length * share) - 1] ?? 0
  return {
    requests: times.length,
    p50: at(0.5),
    p95: at(0.95),
    max: at(1),
    bytes: Math.max(...answered.map(({ bytes }) => bytes)),
    statuses: [...new Set(answered.map(({ status }) => status))].toSorted((a, b) => a - b),
  }
}
