import type { Db } from '../database/open.ts'
import type { RunningLimits } from './claim-conditions.ts'

/**
 * Quotas for the number of running tasks, per owner and per project; null means unlimited. Contains only owners and projects that have such
 * a quota.
 */
export interface RunningQuotas {
  owners: ReadonlyMap<string, number | null>
  /** Keyed by project id. */
  projects: ReadonlyMap<number, number | null>
}

export async function runningQuotas(db: Db): Promise<RunningQuotas> {
  const rows = await db
    .selectFrom('quota')
    .select(['ownername', 'project_id', 'max'])
    .where('kind', '=', 'running_builds')
    .execute()
  return {
    owners: new Map(
      rows.flatMap(({ ownername, max }) => (ownername === null ? [] : [[ownername, max]])),
    ),
    projects: new Map(
      rows.flatMap(({ project_id, max }) => (project_id === null ? [] : [[project_id, max]])),
    ),
  }
}

/** Returns how many tasks of an owner and of one of its projects may run at a time; null means any number. */
export async function runningQuotaOf(
  db: Db,
  { ownername, project_id }: { ownername: string; project_id: number },
  limits: RunningLimits,
): Promise<{ owner: number | null; project: number | null }> {
  const rows = await db
    .selectFrom('quota')
    .select(['project_id', 'max'])
    .where('kind', '=', 'running_builds')
    .where((eb) => eb.or([eb('ownername', '=', ownername), eb('project_id', '=', project_id)]))
    .execute()
  const maxOf = (own: { max: number | null } | undefined, max: number | undefined): number | null =>
    own ? own.max : (max ?? null)
  return {
    owner: maxOf(
      rows.find((row) => row.project_id === null),
      limits.max_builds_per_owner,
    ),
    project: maxOf(
      rows.find((row) => row.project_id !== null),
      limits.max_builds_per_project,
    ),
  }
}
