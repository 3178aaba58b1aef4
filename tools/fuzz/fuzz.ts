/**
 * Fuzzes one parser: `make fuzz TARGET=comps MINUTES=20 SEED=1`. Inputs that reach new code are kept in the corpus, and so are all
 * findings. A finding is an unexpected error, or an input that takes more than 3 s of CPU time or 60 s of real time, or that needs too much
 * memory. Exits with code 1 if there is a finding. The same seed and corpus yield the same inputs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { messageOf } from '@copr/process/errors'
import { keepInput, readCorpus } from './corpus.ts'
import { type FromWorker, makeShared } from './shared.ts'
import { targetOf } from './targets.ts'

/** An input that takes longer than this is considered to hang, however busy the machine is. */
const HANG_MS = 60_000
const LOOK_MS = 500
const MEMORY_MB = 512
const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Totals {
  inputs: number
  kept: number
  findings: Map<string, string>
}

/** Runs a worker until a finding terminates it or the time is up. */
async function fuzzOnce(name: string, seed: number, until: number, totals: Totals): Promise<void> {
  const shared = makeShared()
  const corpus = readCorpus(name).map(({ bytes }) => new Uint8Array(bytes))
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { name, seed, corpus, shared },
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  })
  const present = (): Buffer => Buffer.from(shared.bytes.slice(0, Atomics.load(shared.numbers, 1)))
  const found = (bytes: Buffer, why: string): void => {
    const where = why.split('\n').slice(0, 2).join(' ')
    if (totals.findings.has(where)) return
    totals.findings.set(where, keepInput(name, 'finding', bytes))
    say(`FINDING ${totals.findings.get(where)}\n${why}`)
  }
  const ended = new AbortController()
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'finding') return found(Buffer.from(message.bytes), message.why)
    totals.kept++
    keepInput(name, 'input', Buffer.from(message.bytes))
  })
  worker.on('error', (error) => {
    found(present(), `the worker ended: ${messageOf(error)}`)
    ended.abort()
  })
  let before = { count: 0, since: performance.now() }
  while (!ended.signal.aborted && performance.now() < until) {
    await sleep(LOOK_MS, undefined, { signal: ended.signal }).catch(() => undefined)
    const count = Atomics.load(shared.numbers, 0)
    if (count !== before.count) before = { count, since: performance.now() }
    else if (count > 0 && performance.now() - before.since > HANG_MS) {
      found(present(), `an input takes more than ${HANG_MS / 1000} seconds`)
      break
    }
  }
  totals.inputs += Atomics.load(shared.numbers, 0)
  await worker.terminate()
}

async function main(): Promise<void> {
  const [name, minutes = '1', seed = '1'] = process.argv.slice(2)
  const target = targetOf(name)
  const until = performance.now() + Number(minutes) * 60_000
  const totals: Totals = { inputs: 0, kept: 0, findings: new Map() }
  for (let round = 0; performance.now() < until; round++)
    await fuzzOnce(target.name, Number(seed) + round, until, totals)
  const { inputs, kept, findings } = totals
  say(
    `${target.name}: ${inputs} inputs in ${minutes} minutes, ${kept} kept, ${findings.size} findings`,
  )
  process.exitCode = findings.size > 0 ? 1 : 0
}

await main()
