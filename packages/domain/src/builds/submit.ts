import type { QuotaDefaults } from '@copr/contract/quota-kinds'
import { CoprError } from '@copr/process/errors'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import { joinChain } from '../chains/chains.ts'
import { alignDevelRepositories } from '../projects/devel-repositories.ts'
import { requireDirname } from '../projects/project-dirname.ts'
import { findProjectDir } from '../projects/project-queries.ts'
import { insertTask } from '../queue/insert-task.ts'
import { lockQuota, requireBuildQuota } from '../quotas/quota-check.ts'
import type { SourceType } from '@copr/contract/states'
import { type BatchWish, batchOf } from './batches.ts'
import { refreshBuild } from '../states/build-state.ts'
import { type CommitStatusWish, wantCommitStatus } from '../received-webhooks/commit-statuses.ts'
import { sourceChroot } from './source-chroot.ts'
import { applySourceMetadata, type SourceMetadata } from './source-metadata.ts'

export interface Submission extends BatchWish {
  /** The open chain to which the build is added. */
  chain_id?: number | undefined
  project: { id: number; ownername: string; name: string }
  /** Default: the project's main directory. */
  dirname?: string | undefined
  /** Null if a webhook submitted the build. */
  submitter_id: number | null
  /** The sender as the webhook reports it, such as a profile URL; `custom webhook` if it reports none. */
  submitted_by?: string | undefined
  source: Source
  /** The commit whose status on its forge is kept in step with the build. */
  commit_status?: CommitStatusWish | undefined
  /** Set if a package is built from its configured source; otherwise the package is known only once the SRPM exists. */
  package_id?: number | undefined
  /** Names of enabled chroots; null means all enabled chroots that the package's denylist does not exclude. */
  chroots: string[] | null
  timeout_seconds: number
  is_background?: boolean
  enable_net?: boolean | null
  bootstrap?: string
  isolation?: string
  /** The configured limits, which apply where no quota is set. */
  limits: QuotaDefaults
}

export type Source =
  | {
      type: 'upload'
      json: Record<string, unknown>
      facts: SourceMetadata
      /** The size of the SRPM. */
      bytes: number
    }
  /** A spec file, from which a builder makes the SRPM. */
  | { type: 'upload'; json: Record<string, unknown>; facts?: undefined; bytes: number }
  | { type: 'link'; json: { url: string } }
  | {
      type: Exclude<SourceType, 'upload' | 'link' | 'unset'>
      json: Record<string, unknown>
    }

/**
 * Stores a build and queues its first task: an import task for an uploaded SRPM, a source task for any other source. Returns the build's
 * ID. Throws `over_quota` if the build would exceed a quota of the project or its owner.
 */
export async function submitBuild(db: Db, submission: Submission, now: Date): Promise<number> {
  return await db.transaction().execute(async (tx) => {
    const { project, source, limits } = submission
    const facts = source.type === 'upload' ? source.facts : undefined
    const bytes = source.type === 'upload' ? source.bytes : 0
    await lockQuota(tx, project.ownername)
    await requireBuildQuota(tx, project, { limits, bytes })
    await holdProject(tx, project)
    const { chain_id } = submission
    if (chain_id !== undefined)
      await joinChain(tx, { chain_id, project_id: project.id, name: facts?.name })
    const dir = await dirOf(tx, project, submission.dirname ?? project.name, now)
    await tx.updateTable('project_dir').set({ last_build_at: now }).where('id', '=', dir).execute()
    const batch_id = await batchOf(tx, submission)
    const build = await tx
      .insertInto('build')
      .values({
        project_id: project.id,
        project_dir_id: dir,
        package_id: submission.package_id ?? null,
        source_type: source.type,
        source_json: JSON.stringify(source.json),
        source_state: facts ? 'importing' : 'pending',
        source_started_at: facts ? now : null,
        state: 'pending',
        submitter_id: submission.submitter_id,
        submitted_by: submission.submitted_by ?? null,
        submitted_at: now,
        is_background: submission.is_background ?? false,
        timeout_seconds: submission.timeout_seconds,
        enable_net: submission.enable_net ?? null,
        bootstrap: submission.bootstrap ?? 'unchanged',
        isolation: submission.isolation ?? 'unchanged',
        chroots_wanted: submission.chroots,
        batch_id,
        chain_id: chain_id ?? null,
      })
      .returning(['id', 'project_id', 'source_type', 'source_json', 'chroots_wanted'])
      .executeTakeFirstOrThrow()
    const { id } = build
    if (submission.commit_status) await wantCommitStatus(tx, build, submission.commit_status, now)
    if (facts) await applySourceMetadata(tx, id, facts, now)
    else {
      await insertWantedChroots(tx, id, project.id, submission.chroots)
      const machine = await sourceChroot(tx, build)
      await insertTask(tx, { kind: 'source', build, build_chroot: undefined, machine }, now)
      await notify(tx, 'copr_queue')
      await refreshBuild(tx, id, now)
    }
    return id
  })
}

/** Locks the project, so that it cannot be deleted until the build is inserted. */
async function holdProject(tx: Tx, { id, name }: { id: number; name: string }): Promise<void> {
  const living = await tx
    .selectFrom('project')
    .select('id')
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forShare()
    .executeTakeFirst()
  if (!living)
    throw new CoprError('not_found', `Project ${name} does not exist: it was just deleted`)
}

/** Inserts the build's chroots if they were requested by name; otherwise, they are added once the package is known. */
async function insertWantedChroots(
  tx: Tx,
  buildId: number,
  projectId: number,
  names: string[] | null,
): Promise<void> {
  if (names === null || names.length === 0) return
  const chroots = await tx
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .select('chroot.id')
    .where('project_chroot.project_id', '=', projectId)
    .where('chroot.name', 'in', names)
    .orderBy('chroot.id')
    .execute()
  if (chroots.length === 0) return
  await tx
    .insertInto('build_chroot')
    .values(
      chroots.map(({ id }) => ({ build_id: buildId, chroot_id: id, state: 'waiting' as const })),
    )
    .execute()
}

/** Returns the project dir's ID; creates the project dir and its repositories if it does not exist. */
async function dirOf(
  tx: Tx,
  project: { id: number; name: string },
  name: string,
  now: Date,
): Promise<number> {
  const found = await findProjectDir(tx, project.id, name)
  if (found) return found.id
  await requireDirname(tx, project, name)
  const { id } = await tx
    .insertInto('project_dir')
    .values({ project_id: project.id, name, created_at: now })
    .onConflict((conflict) => conflict.columns(['project_id', 'name']).doUpdateSet({ name }))
    .returning('id')
    .executeTakeFirstOrThrow()
  await tx
    .insertInto('repository')
    .columns(['project_dir_id', 'chroot_id'])
    .expression((eb) =>
      eb
        .selectFrom('project_chroot')
        .select((s) => [s.val(id).as('project_dir_id'), 'chroot_id'])
        .where('project_id', '=', project.id)
        .where('is_enabled', '=', true),
    )
    .onConflict((conflict) => conflict.constraint('repository_place').doNothing())
    .execute()
  await alignDevelRepositories(tx, project.id)
  await notify(tx, 'copr_repository')
  return id
}
