import type { Offering, Ownership, StartOrder, StopOrder } from '../providers/provider.ts'

/** Returns a start order like those of the manager. The same number always yields an order for the same machine. */
export function startOrder(
  owner: Omit<Ownership, 'machine_id'>,
  machine_id: number,
  offering: Offering,
): StartOrder {
  const name = `${owner.pool}-${machine_id}`
  return {
    ...owner,
    machine_id,
    name,
    offering,
    launch_token: `${owner.installation_id}-${machine_id}-1`,
    id_in_pool: machine_id,
    counters: {},
    boot: {
      enroll_token: `enroll-${machine_id}`,
      gateway_url: 'https://copr.example/builder',
      name,
      arches: ['x86_64'],
      tags: ['arch_x86_64'],
      agent: { sha256: 'a'.repeat(64), node_sha256: {} },
      dead_man: { enroll_seconds: 900, silence_seconds: 1200, lifetime_seconds: 86_400 },
    },
  }
}

/** Returns the order to stop a machine. Without `started`, it is as if the response to the start had been lost. */
export function stopOrder(
  order: StartOrder,
  started?: { provider_id: string; data: Record<string, unknown> },
): StopOrder {
  const { installation_id, machine_id, pool, name, launch_token, id_in_pool, counters } = order
  return {
    installation_id,
    machine_id,
    pool,
    name,
    launch_token,
    id_in_pool,
    counters,
    provider_id: started?.provider_id ?? null,
    data: started?.data ?? {},
  }
}
