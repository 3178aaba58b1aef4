import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'
import { notDenied } from '../chroots/chroot-denylist.ts'
import { insertSteps } from '../chains/chain-steps.ts'
import { twinInChain, twinText } from '../chains/chains.ts'
import { insertTask } from '../queue/insert-task.ts'
import { refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveSource } from '../states/source-state.ts'

/** Metadata that the control plane reads from an SRPM's header. */
export interface SourceMetadata {
  name: string
  /** `[epoch:]version-release` */
  version: string
  /** File name of the SRPM. */
  srpm_name: string
  exclusive_arch: readonly string[]
  exclude_arch: readonly string[]
  /** The BuildRequires in the SRPM's header, such as `zlib-devel >= 1.3`. Default: none. */
  requires?: readonly string[]
}

/**
 * Applies the metadata of a build's SRPM: sets the package (creating it if it is new), chooses the chroots, and queues the import. The
 * caller must have locked the build. Afterwards, the build's source state is `importing`, or final if there is nothing to build.
 */
export async function applySourceMetadata(
  tx: Tx,
  buildId: number,
  facts: SourceMetadata,
  now: Date,
): Promise<void> {
  const build = await tx
    .selectFrom('build')
    .selectAll()
    .where('id', '=', buildId)
    .executeTakeFirstOrThrow()
  if (await isTwin(tx, build, facts, now)) return
  const { id: package_id, chroot_denylist } = await packageOf(tx, build, facts.name, now)
  await tx
    .updateTable('build')
    .set({ package_id, package_version: facts.version, srpm_name: facts.srpm_name })
    .where('id', '=', buildId)
    .execute()
  const chroots = await chrootsOf(tx, build, chroot_denylist)
  await insertMissing(tx, buildId, chroots)
  if (build.chain_id !== null) await insertSteps(tx, buildId, facts.requires ?? [])
  const isLeft = await skipUnwanted(tx, buildId, { chroots, facts, now })
  if (chroots.length === 0) {
    const fail_reason = 'The project has no chroot left in which to build'
    await moveSource(tx, buildId, { to: 'failed', set: { fail_reason, source_ended_at: now } })
  } else if (!isLeft) {
    await moveSource(tx, buildId, { to: 'succeeded', set: { source_ended_at: now } })
  } else {
    // If an SRPM was uploaded, the source state is `importing` from the start.
    if (build.source_state !== 'importing') await moveSource(tx, buildId, { to: 'importing' })
    await insertTask(tx, { build, kind: 'import', build_chroot: undefined }, now)
    await notify(tx, 'copr_queue')
  }
  await refreshBuild(tx, buildId, now)
}

/**
 * Whether the build's chain already has another build of the same package; if so, fails the source of this build. For uploads,
 * submitBuild() already refuses that.
 */
async function isTwin(
  tx: Tx,
  { id, chain_id }: { id: number; chain_id: number | null },
  { name, srpm_name }: SourceMetadata,
  now: Date,
): Promise<boolean> {
  if (chain_id === null) return false
  const twin = await twinInChain(tx, { chain_id, name, except: id })
  if (twin === undefined) return false
  const fail_reason = twinText(chain_id, name, twin)
  await moveSource(tx, id, { to: 'failed', set: { fail_reason, srpm_name, source_ended_at: now } })
  const waiting = await tx
    .selectFrom('build_chroot')
    .select('id')
    .where('build_id', '=', id)
    .where('state', '=', 'waiting')
    .execute()
  const ids = waiting.map((each) => each.id)
  const set = { state_reason: fail_reason, ended_at: now }
  await moveChroots(tx, ids, { to: 'failed', from: ['waiting'], set })
  await refreshBuild(tx, id, now)
  return true
}

/** Inserts the rows of the build's chroots. If they were requested by name, they already exist since the build was submitted. */
async function insertMissing(tx: Tx, build_id: number, chroots: { id: number }[]): Promise<void> {
  if (chroots.length === 0) return
  await tx
    .insertInto('build_chroot')
    .values(chroots.map(({ id }) => ({ build_id, chroot_id: id, state: 'waiting' as const })))
    .onConflict((conflict) => conflict.columns(['build_id', 'chroot_id']).doNothing())
    .execute()
}

/**
 * Skips chroots whose architecture the spec file excludes, and chroots that were requested by name but have since been disabled. Returns
 * false if there is no chroot left to build in.
 */
async function skipUnwanted(
  tx: Tx,
  buildId: number,
  wanted: { chroots: { id: number; arch: string }[]; facts: SourceMetadata; now: Date },
): Promise<boolean> {
  const { chroots, facts, now } = wanted
  const arches = new Map(chroots.map(({ id, arch }) => [id, arch]))
  const waiting = await tx
    .selectFrom('build_chroot')
    .select(['id', 'chroot_id'])
    .where('build_id', '=', buildId)
    .where('state', '=', 'waiting')
    .execute()
  let left = waiting.length
  for (const { id, chroot_id } of waiting) {
    const arch = arches.get(chroot_id)
    const state_reason =
      arch === undefined
        ? 'The chroot was disabled in the project before the source package was ready'
        : whyNotBuilt(arch, facts)
    if (state_reason === undefined) continue
    left--
    await moveChroots(tx, [id], { to: 'skipped', set: { state_reason, ended_at: now } })
  }
  return left > 0
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

/**
 * Returns the enabled chroots among those that the build requested by name; if it requested none, all enabled chroots that the package's
 * denylist does not exclude.
 */
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
    .orderBy('chroot.id')
  const { chroots_wanted } = build
  if (chroots_wanted === null) return notDenied(denylist, await enabled.execute())
  return await enabled.where('chroot.name', 'in', chroots_wanted).execute()
}

/**
 * Returns the reason if the architectures in the spec file rule out a chroot; returns undefined if they do not, or if this can be
 * determined only in the buildroot.
 */
function whyNotBuilt(
  arch: string,
  { exclusive_arch, exclude_arch }: SourceMetadata,
): string | undefined {
  if (exclude_arch.includes(arch))
    return `The spec file excludes the architecture ${arch} (ExcludeArch)`
  // The macro was not defined on the machine where the SRPM was made; it may be defined in the chroot, where rpmbuild decides.
  if (exclusive_arch.some((each) => each.includes('%'))) return undefined
  if (exclusive_arch.length > 0 && ![arch, 'noarch'].some((each) => exclusive_arch.includes(each)))
    return `The spec file builds for ${exclusive_arch.join(', ')} only (ExclusiveArch)`
  return undefined
}
