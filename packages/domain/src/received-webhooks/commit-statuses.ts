import type { CommitState, StatusForge } from '@copr/contract/api/webhooks'
import { pathOnForge } from '@copr/contract/repository-url'
import type { BuildState } from '@copr/contract/states'
import { sql } from 'kysely'
import type { Db, Tx } from '../database/open.ts'

/** The commit from which a build is made. The forge shows the build's status on this commit. */
export interface CommitStatusWish {
  /** Any of the repository's URLs. */
  clone_url: string
  commit: string
  /** Distinguishes several statuses of the same commit. */
  context: string
}

/** Rows are kept for this long: when the project gets a new token, statuses that could not be reported are retried. */
const KEPT_DAYS = 7
const DAY_MS = 86_400_000
/** Lease of a status, after which another process may report it; longer than the time limit of a request. */
const LEASE_MS = 120_000

/** Schedules reports of a build's status, if the project has a token for the forge of the repository. */
export async function wantCommitStatus(
  tx: Tx,
  build: { id: number; project_id: number },
  { clone_url, commit, context }: CommitStatusWish,
  now: Date,
): Promise<void> {
  const tokens = await tx
    .selectFrom('project_secret')
    .select('url')
    .where('project_id', '=', build.project_id)
    .where('kind', '=', 'forge')
    .orderBy(sql`length(url)`, 'desc')
    .execute()
  for (const { url: forge_url } of tokens) {
    const repository = pathOnForge(clone_url, forge_url)
    if (repository === undefined || repository === '') continue
    await tx
      .insertInto('commit_status')
      .values({
        build_id: build.id,
        project_id: build.project_id,
        forge_url,
        repository,
        commit,
        context,
        created_at: now,
        due_at: now,
      })
      .execute()
    return
  }
}

export interface DueStatus {
  build_id: number
  project_id: number
  repository: string
  commit: string
  context: string
  /** The state to report. */
  wanted: CommitState
  attempts: number
  ownername: string
  projectname: string
  /** The forge's token; undefined if it was deleted. */
  secret: DueSecret | undefined
}

export interface DueSecret {
  id: number
  project_id: number
  kind: 'forge'
  url: string
  forge: StatusForge
  api_url: string | null
  sealed: Buffer
}

/**
 * Leases the statuses that are due: those that have never been reported, and those of finished builds. A status whose report is interrupted
 * becomes due again.
 */
export async function takeDueStatuses(db: Db, now: Date, limit: number): Promise<DueStatus[]> {
  const lease = new Date(now.getTime() + LEASE_MS)
  const taken = await db
    .updateTable('commit_status')
    .set((eb) => ({ due_at: lease, attempts: eb('attempts', '+', 1) }))
    .where('build_id', 'in', (eb) =>
      eb
        .selectFrom('commit_status as due')
        .innerJoin('build', 'build.id', 'due.build_id')
        .select('due.build_id')
        .where('due.due_at', '<=', now)
        .where((or) =>
          or.or([or('due.reported', 'is', null), or('build.finished_at', 'is not', null)]),
        )
        .orderBy('due.due_at')
        .limit(limit)
        .forUpdate('due')
        .skipLocked(),
    )
    .returning(['build_id'])
    .execute()
  if (taken.length === 0) return []
  const rows = await db
    .selectFrom('commit_status')
    .innerJoin('build', 'build.id', 'commit_status.build_id')
    .innerJoin('project', 'project.id', 'commit_status.project_id')
    .leftJoin('project_secret as token', (join) =>
      join
        .onRef('token.project_id', '=', 'commit_status.project_id')
        .onRef('token.url', '=', 'commit_status.forge_url')
        .on('token.kind', '=', 'forge'),
    )
    .select(['build_id', 'commit_status.project_id', 'repository', 'commit', 'context'])
    .select(['attempts', 'build.state', 'project.ownername', 'project.name as projectname'])
    .select(['token.id as token_id', 'token.url', 'token.forge', 'token.api_url', 'token.sealed'])
    .where(
      'build_id',
      'in',
      taken.map(({ build_id }) => build_id),
    )
    .orderBy('build_id')
    .execute()
  return rows.map(({ state, token_id, url, forge, api_url, sealed, ...row }) => {
    const { project_id } = row
    const secret =
      token_id !== null && url !== null && forge !== null && sealed !== null
        ? { id: token_id, project_id, kind: 'forge' as const, url, forge, api_url, sealed }
        : undefined
    return { ...row, wanted: commitState(state), secret }
  })
}

/**
 * Records that a status was reported to the forge. If it was `pending`, the build's final status must still be reported; after a final
 * status, nothing more is reported.
 */
export async function statusReported(
  db: Db,
  { build_id, wanted }: Pick<DueStatus, 'build_id' | 'wanted'>,
  now: Date,
): Promise<void> {
  const due_at = wanted === 'pending' ? now : null
  await db
    .updateTable('commit_status')
    .set({ reported: wanted, attempts: 0, due_at, given_up: null })
    .where('build_id', '=', build_id)
    .execute()
}

/** Schedules the next attempt to report a status. */
export async function retryStatus(db: Db, build_id: number, due_at: Date): Promise<void> {
  await db.updateTable('commit_status').set({ due_at }).where('build_id', '=', build_id).execute()
}

export async function giveUpStatus(db: Db, build_id: number, given_up: string): Promise<void> {
  await db
    .updateTable('commit_status')
    .set({ due_at: null, given_up })
    .where('build_id', '=', build_id)
    .execute()
}

export async function dropOldStatuses(db: Db, now: Date): Promise<void> {
  await db
    .deleteFrom('commit_status')
    .where('due_at', 'is', null)
    .where('created_at', '<', new Date(now.getTime() - KEPT_DAYS * DAY_MS))
    .execute()
}

const STATES: Partial<Record<BuildState, CommitState>> = {
  succeeded: 'success',
  skipped: 'success',
  forked: 'success',
  failed: 'failure',
  canceled: 'error',
}

/** Maps the state of a build to a commit status; `pending` until the build has ended. */
function commitState(state: BuildState): CommitState {
  return STATES[state] ?? 'pending'
}
