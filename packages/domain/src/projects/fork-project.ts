import type { QuotaDefaults } from '@copr/contract/quota-kinds'
import { CoprError } from '@copr/process/errors'
import { audit } from '../audit/audit.ts'
import type { Chroot } from '../chroots/chroot-queries.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import type { UserActor } from '../audit/actor.ts'
import { requireStorage } from '../quotas/quota-check.ts'
import { enableChroots } from './create-project.ts'
import type { Project } from './project-queries.ts'

export interface WantedFork {
  source: Project
  /** The owner of the copy. The caller has checked that the actor may create projects for this owner. */
  ownername: string
  name: string
  /** Whether to copy into a project that exists already. */
  confirm: boolean
  /** The configured limits, which apply where no quota is set. */
  limits: QuotaDefaults
  now: Date
}

const MAX_PACKAGES = 1000

/** Columns of a project that a fork does not copy: identity, keys, and settings that are left to the owner of the fork. */
const NOT_COPIED = new Set([
  'id',
  'ownername',
  'name',
  'user_id',
  'contact',
  'persistent',
  'auto_prune',
  'delete_after',
  'webhook_secret',
  'webhook_signed_only',
  'webhook_pull_requests',
  'forked_from',
  'inherited_keys',
  'public_key',
  'key_fingerprint',
  'created_at',
  'deleted_at',
])

/** Forks a project into a new or existing one. Copies settings, chroots and packages now, the results in the background. */
export async function forkProject(db: Db, actor: UserActor, fork: WantedFork): Promise<Project> {
  const { source, ownername, name, limits, now } = fork
  if (source.ownername === ownername && source.name === name)
    throw new CoprError(
      'invalid',
      'Source project should not be same as destination: choose another name or owner',
    )
  return await db.transaction().execute(async (tx) => {
    await checkSize(tx, actor, source)
    const target = await targetOf(tx, actor, fork)
    // The size of the copied results is not known yet; it is checked for each build while they are copied.
    await requireStorage(tx, target, { refusal: 'Cannot fork the project', bytes: 0, limits })
    await copyChroots(tx, source.id, target.id)
    await copyPackages(tx, source.id, target.id, now)
    await tx
      .insertInto('action')
      .values({
        kind: 'fork',
        project_id: target.id,
        data: JSON.stringify({ source_id: source.id, user_id: actor.id }),
        created_at: now,
      })
      .execute()
    await notify(tx, 'copr_action')
    const names = { from: `${source.ownername}/${source.name}`, to: `${ownername}/${name}` }
    for (const project of [source, target]) {
      const subject = `${project.ownername}/${project.name}`
      const change = { action: 'project.fork', project_id: project.id, subject, details: names }
      await audit(tx, actor, change, now)
    }
    return target
  })
}

async function checkSize(tx: Tx, actor: UserActor, source: Project): Promise<void> {
  if (actor.is_admin) return
  const { count } = await tx
    .selectFrom('package')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('project_id', '=', source.id)
    .executeTakeFirstOrThrow()
  if (count > MAX_PACKAGES)
    throw new CoprError(
      'invalid',
      `This project is too large to be forked, it has more than ${MAX_PACKAGES} packages: ask an administrator to fork ${source.ownername}/${source.name}`,
    )
}

/**
 * Returns the target project; creates it if necessary. It inherits the source project's keys, because the packages that will be copied are
 * signed with them.
 */
async function targetOf(tx: Tx, actor: UserActor, fork: WantedFork): Promise<Project> {
  const { source, ownername, name, confirm, now } = fork
  const existing = await tx
    .selectFrom('project')
    .selectAll()
    .where('ownername', '=', ownername)
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (existing && !confirm)
    throw new CoprError(
      'invalid',
      `You are about to fork into existing project: ${ownername}/${name}\nPlease use --confirm if you really want to do this, or confirm it on the page: ${ownername} already has a project named ${name}`,
    )
  const keys = [source.public_key ?? [], ...source.inherited_keys].flat()
  if (existing) {
    const inherited_keys = [...new Set([...existing.inherited_keys, ...keys])]
    return await tx
      .updateTable('project')
      .set({ inherited_keys })
      .where('id', '=', existing.id)
      .returningAll()
      .executeTakeFirstOrThrow()
  }
  const settings = Object.fromEntries(
    Object.entries(source).filter(([column]) => !NOT_COPIED.has(column)),
  )
  const project = await tx
    .insertInto('project')
    .values({
      ...settings,
      ownername,
      name,
      user_id: actor.id,
      forked_from: source.id,
      inherited_keys: keys,
      created_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await tx
    .insertInto('project_dir')
    .values({ project_id: project.id, name, created_at: now })
    .execute()
  return project
}

/** Copies the source's enabled, active chroots with their settings. */
async function copyChroots(tx: Tx, from: number, to: number): Promise<void> {
  const rows = await tx
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .selectAll('project_chroot')
    .where('project_id', '=', from)
    .where('is_enabled', '=', true)
    .where('is_active', '=', true)
    .execute()
  if (rows.length === 0) return
  const chroots = await tx
    .selectFrom('chroot')
    .selectAll()
    .where(
      'id',
      'in',
      rows.map(({ chroot_id }) => chroot_id),
    )
    .execute()
  await enableChroots(tx, to, chroots as Chroot[])
  for (const { project_id: _, chroot_id, ...settings } of rows)
    await tx
      .updateTable('project_chroot')
      .set(settings)
      .where('project_id', '=', to)
      .where('chroot_id', '=', chroot_id)
      .execute()
}

/** Copies the packages, but disables rebuilds by webhooks: pushes to the source repositories are not meant for the fork. */
async function copyPackages(tx: Tx, from: number, to: number, now: Date): Promise<void> {
  await tx
    .insertInto('package')
    .columns([
      'project_id',
      'name',
      'source_type',
      'source_json',
      'webhook_rebuild',
      'max_builds',
      'timeout_seconds',
      'chroot_denylist',
      'created_at',
    ])
    .expression((eb) =>
      eb
        .selectFrom('package')
        .select((s) => [
          s.val(to).as('project_id'),
          'name',
          'source_type',
          'source_json',
          s.val(false).as('webhook_rebuild'),
          'max_builds',
          'timeout_seconds',
          'chroot_denylist',
          s.cast<Date>(s.val(now), 'timestamptz').as('created_at'),
        ])
        .where('project_id', '=', from),
    )
    .onConflict((conflict) => conflict.columns(['project_id', 'name']).doNothing())
    .execute()
}

/** Reports whether results of a fork are still being copied into the project. */
export async function isBeingFilled(db: Db, project_id: number): Promise<boolean> {
  const row = await db
    .selectFrom('action')
    .select('id')
    .where('project_id', '=', project_id)
    .where('kind', '=', 'fork')
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}
