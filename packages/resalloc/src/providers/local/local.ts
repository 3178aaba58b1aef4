import type { StartedMachine } from '../../local-pool.ts'
import type { Listed, MakeProvider, StartOrder } from '../provider.ts'

export type StartLocal = (machine: {
  name: string
  slot: number
  enroll_token: string
}) => StartedMachine

interface Process {
  installation_id: string
  listed: Listed
  machine: StartedMachine
}

/**
 * Makes builders as processes on this host. They end together with the process that started them, so the memory of that process is a
 * complete record: after a restart, there are no builders.
 */
export function localProvider(start: StartLocal): MakeProvider<'local'> {
  /** Processes of all pools, by launch token. Ended processes are kept, so that no token is used twice. */
  const processes = new Map<string, Process>()

  function spawn(order: StartOrder, now: Date): Process {
    const { name, id_in_pool, boot, launch_token, machine_id, pool } = order
    const { enroll_token } = boot
    const machine = start({ name, slot: id_in_pool + 1, enroll_token })
    const listed: Listed = {
      kind: 'machine',
      provider_id: launch_token,
      machine_id,
      pool,
      launch_token,
      created_at: now,
      state: 'running',
      data: {},
    }
    const process = { installation_id: order.installation_id, listed, machine }
    void machine.ended.then((message) => {
      process.listed = { ...process.listed, state: 'ended', cause: 'failed', message }
    })
    return process
  }

  return (_config, { installation_id, now }) => ({
    account: 'local',
    offerings: () => [{ name: 'process', price_per_hour: 0 }],
    async start(order, signal) {
      if (signal.aborted)
        return { ok: false, failure: 'unknown', message: 'The deadline has passed' }
      const known = processes.get(order.launch_token)
      if (known?.listed.state === 'ended')
        return { ok: false, failure: 'token_spent', message: 'Its process has exited' }
      const process = known ?? spawn(order, now())
      processes.set(order.launch_token, process)
      return { ok: true, provider_id: process.listed.provider_id, data: {} }
    },
    async stop({ launch_token }, signal) {
      signal.throwIfAborted()
      await processes.get(launch_token)?.machine.stop()
    },
    async *list(signal) {
      signal.throwIfAborted()
      for (const process of processes.values())
        if (process.installation_id === installation_id) yield process.listed
    },
    async remove({ provider_id }, signal) {
      signal.throwIfAborted()
      await processes.get(provider_id)?.machine.stop()
    },
  })
}
