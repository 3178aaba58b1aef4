import { moveMachine } from '@copr/domain/states/machine-state'
import { type NewMachine, planMachines } from '@copr/domain/machines/plan-machine'
import { setPool } from '@copr/domain/pools/pools'
import { setWaitingReasons } from '@copr/domain/queue/waiting-reasons'
import type { ActivePool } from '../pools/pool-set.ts'
import type { AgentRelease } from '../providers/provider.ts'
import type { Calls } from './calls.ts'
import { endMachine, type ManagerContext, reach } from './context.ts'
import { launchMachine } from './launch.ts'
import { accountKey, type Action, machineKey } from './plan-types.ts'
import { checkMachine, cleanMachine, stopMachine } from './stop.ts'
import { sweepAccount } from './sweep.ts'

/** A machine that has had no contact with its gateway for this long powers itself off. */
const DEAD_MAN_SILENCE_SECONDS = 1200
/** A machine powers itself off this many seconds after the time at which the manager ends it. */
const DEAD_MAN_MARGIN_SECONDS = 600

const NO_AGENT: AgentRelease = { sha256: '', node_sha256: {} }

const isLocalPool = ({ pools }: ManagerContext, name: string): boolean =>
  pools.get(name)?.desired.config.provider === 'local'

type MachineAction = Extract<Action, { machine: unknown }>

/** Executes the plan. Database changes are made at once; calls to providers run in the background. */
export async function apply(
  context: ManagerContext,
  calls: Calls,
  actions: Action[],
): Promise<void> {
  await create(
    context,
    actions.filter((action) => action.kind === 'create'),
  )
  for (const action of actions) {
    if (action.kind === 'explain')
      await setWaitingReasons(context.db, action.reasons, context.now())
    else if (action.kind === 'list') list(context, calls, action)
    else if (action.kind !== 'create') await applyToMachine(context, calls, action)
  }
}

function list(
  context: ManagerContext,
  calls: Calls,
  { account, pool }: Extract<Action, { kind: 'list' }>,
): void {
  const active = context.pools.get(pool)
  if (active) calls.start(accountKey(account), pool, () => sweepAccount(context, active))
}

async function applyToMachine(
  context: ManagerContext,
  calls: Calls,
  action: MachineAction,
): Promise<void> {
  const { machine, kind } = action
  const { db, now } = context
  const call = (
    does: (context: ManagerContext, machine: never, active: ActivePool) => Promise<void>,
  ) => {
    const active = context.pools.get(machine.pool)
    if (!active) return
    calls.start(machineKey(machine), machine.pool, () => does(context, machine as never, active))
  }
  switch (kind) {
    case 'launch':
      return call(launchMachine)
    case 'stop':
      return call(stopMachine)
    case 'clean':
      return call(cleanMachine)
    case 'check':
      return call(checkMachine)
    case 'end':
      await endMachine(context, machine, action)
      // The next cycle starts immediately and has the provider stop the machine.
      return context.wake()
    case 'drop':
    case 'drain': {
      const to = kind === 'drop' ? 'gone' : 'draining'
      const set = { ended_cause: action.why }
      await moveMachine(db, machine, { to, now: now(), text: action.why, set })
      return context.wake()
    }
  }
}

async function create(
  context: ManagerContext,
  actions: Extract<Action, { kind: 'create' }>[],
): Promise<void> {
  if (actions.length === 0) return
  const { db, holder, now } = context
  await reach(context, 'before planning')
  // Local processes run the code of this host, so they need no packaged agent. Packaging it takes seconds.
  const isLocal = actions.every(({ pool }) => isLocalPool(context, pool))
  const agent = isLocal ? NO_AGENT : await context.agent()
  const wanted = actions.flatMap((action) => newMachine(context, action, agent) ?? [])
  const done = await planMachines(db, wanted, { holder, now: now() })
  await reach(context, 'planned')
  if (!done) return
  for (const pool of new Set(wanted.map((each) => each.pool)))
    await setPool(db, pool, { last_start_at: now() })
  context.wake()
}

function newMachine(
  { pools, gateway_url, trusted_ca, now }: ManagerContext,
  { pool, offering, why }: Extract<Action, { kind: 'create' }>,
  agent: AgentRelease,
): NewMachine | undefined {
  const desired = pools.get(pool)?.desired
  if (!desired) return undefined
  const { config, arches, tags } = desired
  const datetime = now().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_')
  return {
    pool,
    provider: config.provider,
    name: ({ id }) =>
      config.name_pattern
        .replaceAll('{pool_name}', pool)
        .replaceAll('{id}', String(id).padStart(8, '0'))
        .replaceAll('{datetime}', datetime),
    offering,
    boot: {
      gateway_url,
      ...(trusted_ca === undefined ? {} : { trusted_ca }),
      arches,
      tags,
      agent,
      single_use: config.reuse_opportunity_time === 0,
      dead_man: {
        enroll_seconds: config.boot_timeout,
        silence_seconds: DEAD_MAN_SILENCE_SECONDS,
        lifetime_seconds: config.max_lifetime + DEAD_MAN_MARGIN_SECONDS,
      },
    },
    named_counters: config.named_counters,
    why,
  }
}
