import { Command } from 'commander'
import type { TaskKind } from '@copr/contract/builder-protocol'
import { cordonMachine, drainMachine, holdMachine } from '@copr/domain/machines/machine-admin'
import { machineEvents } from '@copr/domain/states/machine-events'
import { BUILDER_KINDS, createMachine } from '@copr/domain/machines/machines'
import { machinesById } from '@copr/domain/machines/managed-machines'
import { activeManager } from '@copr/domain/pools/manager-lease'
import { cordonPool, drainPool } from '@copr/domain/pools/pool-admin'
import { machineOverview, poolOverview, type PoolOverview } from '@copr/domain/pools/pool-overview'
import { poolsFile } from '@copr/domain/pools/pools-file'
import { waitingReasons } from '@copr/domain/queue/waiting-reasons'
import { audit } from '@copr/domain/audit/audit'
import { CoprError } from '@copr/process/errors'
import { administer, type Answer, type Io, type Task } from './administer.ts'
import { awsPolicyCommand } from './aws-policy-command.ts'
import { doctorOptions } from './builders-doctor.ts'
import { reapOptions } from './reap-command.ts'
import { subcommands } from './subcommands.ts'

const HOURS_HELD = 4

/** `coprctl builders` manages the machines that build, and their pools. */
export function buildersCommand(io: Io): Command {
  const builders = new Command('builders')
    .summary('show and control the build machines')
    .description('Build machines, and the pools that start them.')
  const sub = subcommands(builders)

  administer(
    sub('pools', 'list the pools: machines by state, faults, cost of this month'),
    io,
    pools,
  )

  administer(sub('list [pool]', 'list the machines that exist'), io, async ({ db }, [pool]) => ({
    value: await machineOverview(db, pool),
  }))

  administer(sub('show <id>', 'show a machine and its history'), io, async ({ db }, [id]) => {
    const machine = await requireMachine(db, id)
    const { enroll_token_hash: _e, session_token_hash: _s, launch_order: _l, ...facts } = machine
    const events = await machineEvents(db, machine.id)
    const lines = events.map(
      ({ at, kind, text }) => `${at.toISOString()} ${kind}${text ? `: ${text}` : ''}`,
    )
    return { value: { ...facts, events: lines } }
  })

  administer<{ kinds: string; arches?: string; tags?: string }>(
    sub('enroll <name>', 'register a machine by hand; prints its one-time enrollment token')
      .option(
        '--kinds <list>',
        'kinds of tasks that the machine may run: source, rpm',
        BUILDER_KINDS.join(),
      )
      .option('--arches <list>', "the machine's architectures; default: those that it reports")
      .option('--tags <list>', "the machine's tags; default: those that it reports"),
    io,
    async (task, [name = ''], { kinds, arches, tags }) => {
      const { db, now } = task
      const { machine_id, enroll_token } = await createMachine(db, {
        pool: 'manual',
        name,
        kinds: builderKinds(kinds),
        arches: arches === undefined ? undefined : listOf(arches),
        tags: tags === undefined ? undefined : listOf(tags),
        now,
      })
      const subject = `machine ${machine_id}`
      await audit(db, task.actor, { action: 'builders.enroll', subject }, now)
      return { value: { machine_id, enroll_token }, plain: enroll_token }
    },
  )

  administer(
    sub('waiting', 'list the tasks for which no machine is starting, and why'),
    io,
    async ({ db }) => ({ value: await waitingReasons(db) }),
  )

  administer(
    sub(
      'drain <pool-or-id>',
      'let machines finish their tasks, then remove them; a drained pool starts no more',
    ),
    io,
    async (task, [which = '']) => {
      const why = task.actor.reason ?? 'drained by an administrator'
      if (isId(which)) {
        const machine = await requireMachine(task.db, which)
        await drainMachine(task.db, machine.id, why, task.now)
        return await done(task, 'drain', `machine ${which}`, `Draining ${machine.name}`)
      }
      const count = await drainPool(task.db, which, why, task.now)
      return await done(task, 'drain', `pool ${which}`, `Draining ${which}: ${count} machines`)
    },
  )

  for (const cordoned of [true, false]) {
    const name = cordoned ? 'cordon' : 'uncordon'
    const summary = cordoned
      ? 'give a machine no more tasks, or start no more machines in a pool'
      : 'undo cordon; a pool that was held after failures starts machines again'
    administer(sub(`${name} <pool-or-id>`, summary), io, async (task, [which = '']) => {
      if (isId(which)) {
        const machine = await requireMachine(task.db, which)
        await cordonMachine(task.db, machine.id, cordoned, task.now)
      } else await cordonPool(task.db, which, cordoned, task.now)
      return await done(
        task,
        name,
        isId(which) ? `machine ${which}` : `pool ${which}`,
        `Done: ${name} ${which}`,
      )
    })
  }

  administer<{ hours: string }>(
    sub(
      'hold <id>',
      'keep a machine for debugging: it gets no more tasks and is removed later',
    ).option('--hours <n>', 'number of hours', String(HOURS_HELD)),
    io,
    async (task, [id], { hours }) => {
      const machine = await requireMachine(task.db, id)
      const until = new Date(task.now.getTime() + positive(hours) * 3_600_000)
      const reason = task.actor.reason ?? 'held by an administrator'
      await holdMachine(task.db, machine.id, { until, reason, now: task.now })
      return await done(
        task,
        'hold',
        `machine ${machine.id}`,
        `${machine.name} is kept until ${until.toISOString()}`,
      )
    },
  )
  reapOptions(
    sub('reap', 'remove everything that a deleted installation left in clouds; needs no database'),
    io,
  )
  awsPolicyCommand(
    sub(
      'aws-policy [pools...]',
      'print the IAM policy that the manager needs for the given AWS pools, or all',
    ),
    io,
  )
  doctorOptions(
    sub('doctor [pools...]', 'check the given pools, or all, for problems; changes nothing'),
    io,
  )
  return builders
}

async function pools({ db, now }: Task): Promise<Answer> {
  const manager = await activeManager(db, now)
  const file = await poolsFile(db)
  const found = await poolOverview(db, now)
  const isManaged = found.some(({ provider }) => provider !== null)
  const words = [
    manager || !isManaged ? '' : 'No manager is running: nothing is started or removed.',
    file?.error ? `The current pools file is invalid and not in use: ${file.error}` : '',
  ].filter((each) => each !== '')
  const value = found.map(poolFacts)
  return { value, ...(words.length > 0 ? { words: words.join('\n') } : {}) }
}

function poolFacts(pool: PoolOverview): object {
  const {
    name,
    provider,
    max,
    starting,
    idle,
    busy,
    ending,
    set_aside,
    start_seconds,
    success_rate,
  } = pool
  return {
    name,
    provider,
    max,
    starting,
    idle,
    busy,
    ending,
    set_aside,
    start_s: start_seconds === null ? null : Math.round(start_seconds),
    success: success_rate === null ? null : `${Math.round(success_rate * 100)} %`,
    cost: Number(pool.cost.toFixed(2)),
    note: noteOf(pool),
  }
}

function noteOf({
  is_retired,
  is_cordoned,
  hold_reason,
  held_until,
  list_error,
}: PoolOverview): string | null {
  const notes = [
    is_retired ? 'no longer in the file' : '',
    is_cordoned ? 'cordoned' : '',
    hold_reason
      ? `held${held_until ? ` until ${held_until.toISOString()}` : ''}: ${hold_reason}`
      : '',
    list_error ? `cannot be listed: ${list_error}` : '',
  ].filter((each) => each !== '')
  return notes.length > 0 ? notes.join('; ') : null
}

const listOf = (text: string): string[] => text.split(',').filter((each) => each !== '')

/** Parses the kinds of tasks of a builder; throws for `import`, which only dist-git runs. */
function builderKinds(text: string): TaskKind[] {
  return listOf(text).map((each) => {
    const kind = BUILDER_KINDS.find((known) => known === each)
    if (kind) return kind
    throw new CoprError(
      'invalid',
      `Cannot enroll a machine for ${each}: builders run only ${BUILDER_KINDS.join(' and ')} tasks`,
    )
  })
}

const isId = (text: string): boolean => /^\d+$/.test(text)

async function requireMachine(db: Task['db'], id = '') {
  if (!isId(id))
    throw new CoprError(
      'invalid',
      `Cannot find a machine: ${id} is not a number; see "coprctl builders list"`,
    )
  const machine = (await machinesById(db, [Number(id)])).get(Number(id))
  if (!machine) throw new CoprError('not_found', `Cannot find machine ${id}`)
  return machine
}

function positive(text: string): number {
  const hours = Number(text)
  if (hours > 0 && hours <= 24 * 14) return hours
  throw new CoprError('invalid', `Cannot hold it for ${text} hours: give a number up to 336`)
}

async function done(
  { db, actor, now }: Task,
  verb: string,
  subject: string,
  words: string,
): Promise<Answer> {
  await audit(db, actor, { action: `builders.${verb}`, subject }, now)
  return { value: { done: verb, subject }, plain: subject, words }
}
