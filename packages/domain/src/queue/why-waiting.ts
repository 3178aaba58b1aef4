import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import type { RunningLimits } from './claim-conditions.ts'
import { runningQuotaOf } from './running-quotas.ts'
import { type FittingMachines, fittingMachines, positionOf } from './queue-place.ts'

/** Why a task is not running yet, or what it is doing, as a message for users. */
interface Reason {
  readonly kind:
    | 'source'
    | 'batch'
    | 'chain'
    | 'retry'
    | 'limit'
    | 'no_machine'
    | 'machine_coming'
    | 'queue'
    | 'running'
    | 'publishing'
  readonly text: string
  /** When the reason began to apply; null if unknown. */
  readonly since: Date | null
}

/** The state of one step of a build: its source package, its import, or one of its chroots. */
export interface Step {
  /** Null for the source package. */
  readonly chroot: string | null
  readonly state: 'waiting' | 'queued' | 'running'
  readonly reasons: Reason[]
  /** Current position in the queue, counted from 1; null unless the step is queued for a builder. */
  readonly position: number | null
  readonly machine: string | null
  /** How many times the step was started. */
  readonly tries: number
  /** Why the previous attempt was lost, as reported by an agent or the manager; null if no attempt was lost. */
  readonly lost_cause: string | null
  readonly machines: FittingMachines | null
  /** Estimated cost of the machine that runs the step, based on its price; null if unknown. */
  readonly cost: number | null
}

interface TaskRow {
  id: number
  kind: 'source' | 'import' | 'rpm' | 'publish'
  state: 'parked' | 'queued' | 'leased'
  chroot: string | null
  arch: string | null
  tags: string[]
  ownername: string
  project_id: number
  sandbox: string
  queued_at: Date
  leased_at: Date | null
  not_before: Date | null
  attempts: number
  lost_cause: string | null
  machine: string | null
  price_per_hour: number | null
  state_reason: string | null
  phase: string | null
}

/** Returns the unfinished steps of a build, with the reasons why they are unfinished; empty for a finished build. */
export async function whyWaiting(
  db: Db,
  build_id: number,
  { limits, now }: { limits: RunningLimits; now: Date },
): Promise<Step[]> {
  const tasks = await tasksOf(db, build_id)
  const earlier = await earlierBuilds(db, build_id)
  const steps: Step[] = []
  for (const task of tasks)
    steps.push(
      task.state === 'leased'
        ? runningStep(task, now)
        : await queuedStep(db, task, { earlier, limits, now }),
    )
  return [...steps, ...(await chrootsWithoutTask(db, build_id))]
}

async function tasksOf(db: Db, build_id: number): Promise<TaskRow[]> {
  const { rows } = await sql<TaskRow>`
    select task.id, task.kind, task.state, chroot.name as chroot, task.arch, task.tags, task.ownername, task.project_id, task.sandbox,
      task.queued_at, task.leased_at, task.not_before, task.attempts, task.lost_cause, task.phase,
      machine.name as machine, machine.price_per_hour, build_chroot.state_reason
    from task left join machine on machine.id = task.machine_id
    left join build_chroot on build_chroot.id = task.build_chroot_id
    left join chroot on chroot.id = build_chroot.chroot_id
    where task.build_id = ${build_id} and task.state <> 'done'
    order by task.build_chroot_id nulls first, task.id`.execute(db)
  return rows
}

function runningStep(task: TaskRow, now: Date): Step {
  const { chroot, machine, attempts, lost_cause, leased_at: since, price_per_hour } = task
  const hours = since === null ? 0 : (now.getTime() - since.getTime()) / 3_600_000
  const reason: Reason =
    task.kind === 'publish'
      ? { kind: 'publishing', text: 'Its packages are being signed and published', since }
      : { kind: 'running', text: runningText(task), since }
  return {
    chroot,
    state: 'running',
    reasons: [reason],
    position: null,
    machine,
    tries: attempts,
    lost_cause,
    machines: null,
    cost: price_per_hour ? hours * price_per_hour : null,
  }
}

function runningText({ kind, machine, phase }: TaskRow): string {
  const doing =
    kind === 'import'
      ? 'The sources are being imported'
      : kind === 'source'
        ? 'The source package is being made'
        : 'It is being built'
  const where = machine === null ? '' : ` on ${machine}`
  return `${doing}${where}${phase ? `: ${phase}` : ''}`
}

interface Facts {
  earlier: number[]
  limits: RunningLimits
  now: Date
}

async function queuedStep(db: Db, task: TaskRow, facts: Facts): Promise<Step> {
  const { chroot, attempts: tries, lost_cause } = task
  const step = { chroot, state: 'queued' as const, machine: null, tries, lost_cause, cost: null }
  const since = task.queued_at
  const other = { position: null, machines: null }
  if (task.kind === 'publish')
    return {
      ...step,
      ...other,
      reasons: [{ kind: 'publishing', text: 'Its packages wait to be signed', since }],
    }
  if (task.state === 'parked') {
    const text = task.state_reason ?? 'It waits until its chain starts it'
    return { ...step, ...other, reasons: [{ kind: 'chain', text, since }] }
  }
  if (task.kind === 'import')
    return {
      ...step,
      ...other,
      reasons: [{ kind: 'queue', text: 'Its sources wait to be imported', since }],
    }
  const machines = await fittingMachines(db, task)
  const position = await positionOf(db, task)
  const reasons = [
    ...batchReason(facts.earlier),
    ...retryReason(task, facts.now),
    ...(await limitReasons(db, task, facts.limits)),
    ...(await machineReasons(db, task, machines)),
  ]
  const queue: Reason = { kind: 'queue', text: queueText(position, machines), since }
  return { ...step, position, machines, reasons: reasons.length > 0 ? reasons : [queue] }
}

function queueText(position: number, { idle, busy }: FittingMachines): string {
  if (idle > 0) return 'A builder is about to start it'
  const ahead = position === 1 ? 'It is next' : `${position - 1} are ahead of it`
  return busy === 0 ? ahead : `${ahead}; the builders that can run it (${busy}) are busy`
}

function batchReason(earlier: number[]): Reason[] {
  if (earlier.length === 0) return []
  const names = earlier.slice(0, 5).join(', ')
  const text = `It waits for ${earlier.length === 1 ? 'build' : 'builds'} ${names}${earlier.length > 5 ? ` and ${earlier.length - 5} more` : ''}`
  return [{ kind: 'batch', text, since: null }]
}

function retryReason({ not_before, state_reason, attempts }: TaskRow, now: Date): Reason[] {
  if (attempts === 0 || not_before === null || not_before <= now) return []
  const seconds = Math.ceil((not_before.getTime() - now.getTime()) / 1000)
  const why = state_reason ? `: ${state_reason}` : ''
  return [{ kind: 'retry', text: `It is retried in ${seconds} s${why}`, since: null }]
}

/** Lists the unfinished builds in the batch for which this build's batch waits. */
async function earlierBuilds(db: Db, build_id: number): Promise<number[]> {
  const rows = await db
    .selectFrom('build')
    .innerJoin('batch', 'batch.id', 'build.batch_id')
    .innerJoin('build as earlier', 'earlier.batch_id', 'batch.blocked_by')
    .select('earlier.id')
    .where('build.id', '=', build_id)
    .where('earlier.finished_at', 'is', null)
    .orderBy('earlier.id')
    .execute()
  return rows.map(({ id }) => id)
}

async function limitReasons(
  db: Db,
  { ownername, project_id, sandbox, arch }: TaskRow,
  limits: RunningLimits,
): Promise<Reason[]> {
  const { rows } = await sql<{
    owner: number
    project: number
    sandbox: number
    arch: number
    owner_arch: number
  }>`
    select count(*) filter (where ownername = ${ownername})::int as owner,
      count(*) filter (where project_id = ${project_id})::int as project,
      count(*) filter (where sandbox = ${sandbox})::int as sandbox,
      count(*) filter (where arch = ${arch})::int as arch,
      count(*) filter (where arch = ${arch} and ownername = ${ownername})::int as owner_arch
    from task where state = 'leased' and kind in ('source', 'rpm')`.execute(db)
  const running = rows[0] ?? { owner: 0, project: 0, sandbox: 0, arch: 0, owner_arch: 0 }
  const quota = await runningQuotaOf(db, { ownername, project_id }, limits)
  const found = [
    [running.owner, quota.owner, `${ownername} is running`],
    [running.project, quota.project, 'This project is running'],
    [running.sandbox, limits.max_builds_per_sandbox, 'This project and submitter are running'],
    [
      running.arch,
      arch === null ? undefined : limits.max_builds_per_arch?.[arch],
      `Builders for ${arch} are running`,
    ],
    [
      running.owner_arch,
      arch === null ? undefined : limits.max_builds_per_owner_and_arch?.[arch],
      `For ${arch}, ${ownername} is running`,
    ],
  ] as const
  return found.flatMap(([count, max, running_now]) =>
    max === undefined || max === null || count < max
      ? []
      : [
          {
            kind: 'limit' as const,
            text: `${running_now} ${count} ${count === 1 ? 'task' : 'tasks'}, which is the limit`,
            since: null,
          },
        ],
  )
}

/** Returns why no machine has taken the task: a machine is starting, the manager cannot start one, or no pool offers a suitable one. */
async function machineReasons(
  db: Db,
  { arch, tags, ownername, sandbox }: TaskRow,
  { idle, busy, starting }: FittingMachines,
): Promise<Reason[]> {
  const unmet = await db
    .selectFrom('waiting_reason')
    .select(['reason', 'since'])
    .where('arch', '=', arch ?? '')
    .where('tags', '=', sql<string[]>`${tags}::text[]`)
    .where('ownername', '=', ownername)
    .where('sandbox', '=', sandbox)
    .where('reason', '<>', '')
    .executeTakeFirst()
  if (starting > 0 && idle === 0)
    return [
      {
        kind: 'machine_coming',
        text: `${starting === 1 ? 'A builder is' : `${starting} builders are`} starting`,
        since: null,
      },
    ]
  if (unmet) return [{ kind: 'no_machine', text: unmet.reason, since: unmet.since }]
  if (idle + busy > 0) return []
  const wanted = [...(arch === null ? [] : [arch]), ...tags].join(', ')
  const text = wanted === '' ? 'There is no builder' : `There is no builder for ${wanted}`
  return [{ kind: 'no_machine', text, since: null }]
}

/** Lists the chroots that have no task yet, because the source package has not been made and imported. */
async function chrootsWithoutTask(db: Db, build_id: number): Promise<Step[]> {
  const rows = await db
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .select('chroot.name')
    .where('build_chroot.build_id', '=', build_id)
    .where('build_chroot.state', '=', 'waiting')
    .orderBy('chroot.name')
    .execute()
  return rows.map(({ name }) => ({
    chroot: name,
    state: 'waiting',
    reasons: [{ kind: 'source', text: 'It waits for the source package', since: null }],
    position: null,
    machine: null,
    tries: 0,
    lost_cause: null,
    machines: null,
    cost: null,
  }))
}
