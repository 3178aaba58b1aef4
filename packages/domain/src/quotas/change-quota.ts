import { type QuotaKind, SIZE_KINDS } from '@copr/contract/quota-kinds'
import { CoprError } from '@copr/process/errors'
import type { Actor } from '../audit/actor.ts'
import { audit } from '../audit/audit.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import type { QuotaProject } from './quota-limits.ts'

/** The owner or the project for which quotas are set. An owner is a user, or a group with its `@`. */
export type QuotaSubject = { ownername: string } | { project: QuotaProject }

/** A quota that is set for one owner or project. */
export interface SetQuota {
  /** `dana`, `@orbit` or `dana/telescope`. */
  subject: string
  kind: QuotaKind
  /** Null means unlimited. */
  max: number | null
}

/** Lists the quotas that have been set, except those of deleted projects. */
export async function listQuotas(db: Db): Promise<SetQuota[]> {
  const rows = await db
    .selectFrom('quota')
    .leftJoin('project', 'project.id', 'quota.project_id')
    .select(['quota.kind', 'quota.max', 'quota.ownername', 'project.name'])
    .select('project.ownername as project_owner')
    .where('project.deleted_at', 'is', null)
    .orderBy((eb) => eb.fn.coalesce('quota.ownername', 'project.ownername'))
    .orderBy('project.name', (order) => order.asc().nullsFirst())
    .orderBy('quota.kind')
    .execute()
  return rows.map(({ kind, max, ownername, project_owner, name }) => ({
    subject: ownername ?? `${project_owner}/${name}`,
    kind,
    max,
  }))
}

/** Sets quotas, which take precedence over the configured limits; null means unlimited. Quotas that are not given remain unchanged. */
export async function setQuota(
  db: Db,
  actor: Actor,
  { subject, values, now }: { subject: QuotaSubject; values: QuotaValues; now: Date },
): Promise<void> {
  const entries = Object.entries(values) as [QuotaKind, number | null][]
  for (const [kind, max] of entries) checkValue(kind, max)
  await db.transaction().execute(async (tx) => {
    const place = await lockSubject(tx, subject)
    for (const [kind, max] of entries) {
      await removeQuotas(tx, place, [kind])
      await tx
        .insertInto('quota')
        .values({ ...place, kind, max })
        .execute()
    }
    await noteChange(tx, actor, { action: 'quota.set', subject, details: values, now })
  })
}

export type QuotaValues = Partial<Record<QuotaKind, number | null>>

/** Removes quotas, so that the configured limits apply again. */
export async function resetQuota(
  db: Db,
  actor: Actor,
  { subject, kinds, now }: { subject: QuotaSubject; kinds: readonly QuotaKind[]; now: Date },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await removeQuotas(tx, await lockSubject(tx, subject), kinds)
    await noteChange(tx, actor, { action: 'quota.reset', subject, details: { kinds }, now })
  })
}

function checkValue(kind: QuotaKind, max: number | null): void {
  if (max === null) {
    if (SIZE_KINDS.includes(kind))
      throw new CoprError('invalid', `Cannot set ${kind}: the size of an SRPM must have a limit`)
    return
  }
  if (!Number.isSafeInteger(max) || max < 1)
    throw new CoprError(
      'invalid',
      `Cannot set ${kind}: expected a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, received ${max}`,
    )
}

type Place = { ownername: string; project_id: null } | { ownername: null; project_id: number }

/** Locks the project, the user or the group, so that changes of its quotas are serialized; throws if it does not exist. */
async function lockSubject(tx: Tx, subject: QuotaSubject): Promise<Place> {
  if ('project' in subject) {
    const { id, ownername, name } = subject.project
    const project = await tx
      .selectFrom('project')
      .select('id')
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .forUpdate()
      .executeTakeFirst()
    if (!project) throw new CoprError('not_found', `Project ${ownername}/${name} does not exist`)
    return { ownername: null, project_id: id }
  }
  const { ownername } = subject
  const owner = ownername.startsWith('@')
    ? tx.selectFrom('user_group').select('id').where('name', '=', ownername.slice(1))
    : tx.selectFrom('user_account').select('id').where('username', '=', ownername)
  if (!(await owner.forUpdate().executeTakeFirst()))
    throw new CoprError(
      'not_found',
      `${ownername.startsWith('@') ? 'Group' : 'User'} ${ownername} does not exist`,
    )
  return { ownername, project_id: null }
}

async function removeQuotas(tx: Tx, place: Place, kinds: readonly QuotaKind[]): Promise<void> {
  if (kinds.length === 0) return
  const query = tx.deleteFrom('quota').where('kind', 'in', kinds)
  await (
    place.project_id === null
      ? query.where('ownername', '=', place.ownername)
      : query.where('project_id', '=', place.project_id)
  ).execute()
}

async function noteChange(
  tx: Tx,
  actor: Actor,
  {
    action,
    subject,
    details,
    now,
  }: { action: string; subject: QuotaSubject; details: Record<string, unknown>; now: Date },
): Promise<void> {
  const change =
    'project' in subject
      ? {
          project_id: subject.project.id,
          subject: `${subject.project.ownername}/${subject.project.name}`,
        }
      : {
          subject: subject.ownername.startsWith('@')
            ? subject.ownername
            : `user ${subject.ownername}`,
        }
  await audit(tx, actor, { action, details, ...change }, now)
  // If the limit has been raised, waiting tasks may be able to start.
  await notify(tx, 'copr_queue')
}
