import { createHash } from 'node:crypto'
import type {
  Listed,
  Offering,
  Provider,
  StartFailure,
  StartOrder,
  StartOutcome,
} from '../providers/provider.ts'

export interface FakeMachine extends Listed {
  readonly installation_id: string
  readonly order: StartOrder
  /** The digest of the start order; a different order with the same launch token is refused. */
  readonly digest: string
}

export interface FakeCloudOptions {
  now: () => Date
  offerings?: readonly Offering[]
  /** Number of entries that a listing returns before it pauses. */
  page_size?: number
}

type Fault =
  | { kind: 'fail'; failure: StartFailure; retry_seconds?: number }
  | { kind: 'lose_answer' }
  | { kind: 'break_listing' }

/** An in-memory cloud that uses the test's clock. Its machines do nothing by themselves: the test acts for them. */
export function fakeCloud({
  now,
  offerings = DEFAULT_OFFERINGS,
  page_size = 100,
}: FakeCloudOptions) {
  /** Machines by installation and launch token. */
  const machines = new Map<string, FakeMachine>()
  const faults: Fault[] = []
  let hanging = 0
  let made = 0

  const takeFault = <K extends Fault['kind']>(...kinds: K[]): Fault | undefined => {
    const at = faults.findIndex(({ kind }) => kinds.some((each) => each === kind))
    return at < 0 ? undefined : faults.splice(at, 1)[0]
  }
  const end = (machine: FakeMachine | undefined, cause: Listed['cause']): void => {
    if (machine && machine.state !== 'ended')
      machines.set(keyOf(machine.order), { ...machine, state: 'ended', cause })
  }
  const byId = (id: string): FakeMachine | undefined =>
    [...machines.values()].find(({ provider_id }) => provider_id === id)
  /** While the cloud hangs, a call ends only at its deadline. */
  const reach = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    if (hanging > 0)
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      })
  }

  const start = (order: StartOrder): StartOutcome => {
    const digest = createHash('sha256').update(JSON.stringify(order)).digest('hex')
    const known = machines.get(keyOf(order))
    if (known) {
      if (known.state === 'ended' || known.digest !== digest)
        return { ok: false, failure: 'token_spent', message: 'Its machine has ended' }
      return { ok: true, provider_id: known.provider_id, data: known.data }
    }
    const fault = takeFault('fail', 'lose_answer')
    if (fault?.kind === 'fail') {
      const { kind: _, ...failed } = fault
      return { ok: false, ...failed, message: `The cloud reports ${fault.failure}` }
    }
    const { installation_id, machine_id, pool, launch_token } = order
    const provider_id = `fake-${++made}`
    machines.set(keyOf(order), {
      kind: 'machine',
      provider_id,
      installation_id,
      machine_id,
      pool,
      launch_token,
      created_at: now(),
      state: 'running',
      data: {},
      order,
      digest,
    })
    if (fault) return { ok: false, failure: 'unknown', message: 'No response' }
    return { ok: true, provider_id, data: {} }
  }

  const provider = ({ installation_id }: { installation_id: string }): Provider => ({
    account: 'fake',
    offerings: () => offerings,
    async start(order, signal) {
      try {
        await reach(signal)
      } catch {
        return { ok: false, failure: 'unknown', message: 'No response in time' }
      }
      return start(order)
    },
    async stop(order, signal) {
      await reach(signal)
      end(machines.get(keyOf(order)), 'stopped')
    },
    async *list(signal) {
      await reach(signal)
      const broken = takeFault('break_listing') !== undefined
      const all = [...machines.values()].filter((each) => each.installation_id === installation_id)
      for (const [at, machine] of all.entries()) {
        if (at % page_size === page_size - 1) await reach(signal)
        yield machine
      }
      if (broken) throw new Error('The cloud aborted its response')
    },
    async remove(listed, signal) {
      await reach(signal)
      end(byId(listed.provider_id), 'stopped')
    },
  })

  return {
    provider,
    machines: (): readonly FakeMachine[] => [...machines.values()],
    /** Ends a machine without a call by the manager. */
    endMachine: (id: string, cause: Listed['cause'] = 'powered_off') => end(byId(id), cause),
    /** Removes ended machines from listings. */
    forgetEnded: (before: Date) => {
      for (const [key, { state, created_at }] of machines)
        if (state === 'ended' && created_at && created_at < before) machines.delete(key)
    },
    fail: (fault: Fault) => void faults.push(fault),
    /** Makes every call hang until disposed. */
    hang: (): Disposable => {
      hanging++
      return { [Symbol.dispose]: () => void hanging-- }
    },
  }
}

const DEFAULT_OFFERINGS: readonly Offering[] = [
  { name: 'small', price_per_hour: 0.1, memory_mb: 4096 },
  { name: 'big', price_per_hour: 0.4, memory_mb: 16_384 },
]

function keyOf({
  installation_id,
  launch_token,
}: StartOrder | { installation_id: string; launch_token: string }): string {
  return `${installation_id} ${launch_token}`
}
