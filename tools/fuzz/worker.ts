/** Runs inputs of one target until it is terminated. The current input is in shared memory, so that it can be saved if the worker hangs. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '@copr/process/errors'
import { randomNumbers } from '../../packages/rpm/src/testing/random.ts'
import { startCoverage } from './coverage.ts'
import { MAX_INPUT_BYTES, mutateBytes, pick, type Random } from './mutate.ts'
import type { FuzzTarget } from './target.ts'
import { targetOf } from './targets.ts'
import type { FromWorker, Shared } from './shared.ts'

const { name, seed, corpus, shared } = workerData as {
  name: string
  seed: number
  corpus: Uint8Array[]
  shared: Shared
}
/** Number of inputs that are run between two coverage queries. */
const BATCH = 50
/** The limit on the CPU time for one input of at most 256 KiB. Only superlinear work exceeds it. */
const MAX_CPU_MICROSECONDS = 3_000_000
const tell = (message: FromWorker): void => parentPort?.postMessage(message)

const target = targetOf(name)
const random = randomNumbers(seed)
const inputs = [...(await target.seeds()), ...corpus.map((each) => Buffer.from(each))]
const coverage = await startCoverage()

for (const input of inputs) await runInput(input)
await coverage.learn()
for (;;) {
  const batch = Array.from({ length: BATCH }, () => nextInput(target, inputs, random))
  const fine: Buffer[] = []
  for (const input of batch) if (await runInput(input)) fine.push(input)
  if (!(await coverage.hasNews())) continue
  // The inputs are run again, one at a time, to find those that reached new code.
  for (const input of fine) {
    await runInput(input)
    if (!(await coverage.learn())) continue
    inputs.push(input)
    tell({ kind: 'input', bytes: input })
  }
}

/** Runs an input; returns false if it is a finding. */
async function runInput(input: Buffer): Promise<boolean> {
  shared.bytes.set(input)
  Atomics.store(shared.numbers, 1, input.length)
  Atomics.add(shared.numbers, 0, 1)
  const before = process.threadCpuUsage()
  try {
    await target.run(input)
    const { user, system } = process.threadCpuUsage(before)
    if (user + system > MAX_CPU_MICROSECONDS) throw new Error('An input takes too much of the CPU')
    return true
  } catch (error) {
    tell({
      kind: 'finding',
      bytes: input,
      why: error instanceof Error ? (error.stack ?? messageOf(error)) : String(error),
    })
    return false
  }
}

function nextInput({ mutate, words }: FuzzTarget, known: Buffer[], numbers: Random): Buffer {
  // The newest inputs get farthest into the parser.
  const newest = known.slice(-20)
  let input = pick(numbers(2) === 0 ? newest : known, numbers)
  for (let steps = 1 + numbers(4); steps > 0; steps--) {
    const structured = numbers(3) === 0 ? undefined : mutate(input, numbers)
    const changed =
      structured ?? mutateBytes(input, { random: numbers, words, other: pick(known, numbers) })
    input = changed.subarray(0, MAX_INPUT_BYTES)
  }
  return input
}
