import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'
import { notDenied } from '../packages/chroot-denylist.ts'
import { insertTask } from '../queue/insert-task.ts'
import { refreshBuild } from '../states/build-state.ts'

/** What the control plane reads from an SRPM's header. */
export interface SourceFacts {
  name: string
  /** `[epoch:]version-release` */
  version: string
  /** File name of the SRPM. */
  srpm_name: string
  exclusive_arch: readonly string[]
  exclude_arch: readonly string[]
}

/**
 * The SRPM is there: names the build's package (made when it is new), chooses its chroots, and queues the import.
 * The build must be locked, and its source state is `importing` afterwards, or final when there is nothing to build.
 */
export async function applySourceFacts(
  tx: Tx,
  buildId: number,
  facts: SourceFacts,
  now: Date,
): Promise<void> {
  const build = await tx
    .selectFrom('build')
    .selectAll()
    .where('id', '=', buildId)
    .executeTakeFirstOrThrow()
  const { id: package_id, chroot_denylist } = await packageOf(tx, build, facts.name, now)
  await tx
    .updateTable('build')
    .set({ package_id, package_version: facts.version, srpm_name: facts.srpm_name })
    .where('id', '=', buildId)
    .execute()
  const chroots = await chrootsOf(tx, build, chroot_denylist)
  for (const chroot of chroots) {
    const reason = whyNotBuilt(chroot.arch, facts)
    const outcome = reason
      ? ({ state: 'skipped', state_reason: reason, ended_at: now } as const)
      : ({ state: 'waiting' } as const)
    await tx
      .insertInto('build_chroot')
      .values({ build_id: buildId, chroot_id: chroot.id, ...outcome })
      // A chroot asked for by name waits since the build was submitted.
      .onConflict((conflict) => conflict.columns(['build_id', 'chroot_id']).doUpdateSet(outcome))
      .execute()
  }
  await skipDisabled(
    tx,
    buildId,
    chroots.map(({ id }) => id),
    now,
  )
  const anything = await tx
    .selectFrom('build_chroot')
    .select('id')
    .where('build_id', '=', buildId)
    .where('state', '=', 'waiting')
    .executeTakeFirst()
  if (chroots.length === 0)
    await endSource(tx, buildId, now, 'failed', 'No chroot of the project is left to build in')
  else if (!anything) await endSource(tx, buildId, now, 'succeeded', null)
  else {
    await tx
      .updateTable('build')
      .set({ source_state: 'importing' })
      .where('id', '=', buildId)
      .execute()
    await insertTask(tx, { build, kind: 'import', build_chroot: undefined }, now)
    await notify(tx, 'copr_queue')
  }
  await refreshBuild(tx, buildId, now)
}

/** Chroots that were asked for by name, and disabled before the SRPM was there. */
async function skipDisabled(tx: Tx, buildId: number, enabled: number[], now: Date): Promise<void> {
  const state_reason = 'The chroot was disabled in the project meanwhile'
  const waiting = tx
    .updateTable('build_chroot')
    .set({ state: 'skipped', state_reason, ended_at: now })
    .where('build_id', '=', buildId)
    .where('state', '=', 'waiting')
  await (enabled.length === 0 ? waiting : waiting.where('chroot_id', 'not in', enabled)).execute()
}

async function endSource(
  tx: Tx,
  buildId: number,
  now: Date,
  source_state: 'failed' | 'succeeded',
  fail_reason: string | null,
): Promise<void> {
  await tx
    .updateTable('build')
    .set({ source_state, fail_reason, source_ended_at: now })
    .where('id', '=', buildId)
    .execute()
}

interface SubmittedBuild {
  id: number
  project_id: number
  source_type: 'unset' | 'link' | 'upload' | 'pypi' | 'rubygems' | 'scm' | 'custom' | 'distgit'
  source_json: Record<string, unknown>
  chroots_wanted: string[] | null
}

interface BuiltPackage {
  id: number
  chroot_denylist: string
}

async function packageOf(
  tx: Tx,
  build: SubmittedBuild,
  name: string,
  now: Date,
): Promise<BuiltPackage> {
  await tx
    .insertInto('package')
    .values({
      project_id: build.project_id,
      name,
      source_type: build.source_type,
      source_json: JSON.stringify(build.source_json),
      created_at: now,
    })
    .onConflict((conflict) => conflict.columns(['project_id', 'name']).doNothing())
    .execute()
  return await tx
    .selectFrom('package')
    .select(['id', 'chroot_denylist'])
    .where('project_id', '=', build.project_id)
    .where('name', '=', name)
    .executeTakeFirstOrThrow()
}

/** Those asked for by name, or all that the package has. */
async function chrootsOf(
  tx: Tx,
  build: SubmittedBuild,
  denylist: string,
): Promise<{ id: number; arch: string }[]> {
  const enabled = tx
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .select(['chroot.id', 'chroot.name', 'chroot.arch'])
    .where('project_chroot.project_id', '=', build.project_id)
    .where('project_chroot.is_enabled', '=', true)
    .where('chroot.is_active', '=', true)
  const { chroots_wanted } = build
  if (chroots_wanted === null) return notDenied(denylist, await enabled.execute())
  return await enabled.where('chroot.name', 'in', chroots_wanted).execute()
}

function whyNotBuilt(
  arch: string,
  { exclusive_arch, exclude_arch }: SourceFacts,
): string | undefined {
  if (exclude_arch.includes(arch))
    return `The spec file excludes the architecture ${arch} (ExcludeArch)`
  if (exclusive_arch.length > 0 && ![arch, 'noarch'].some((each) => exclusive_arch.includes(each)))
    return `The spec file builds for ${exclusive_arch.join(', ')} only (ExclusiveArch)`
  return undefined
}
