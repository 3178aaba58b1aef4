import { isMadeInRoot } from '@copr/contract/made-sources'
import { CoprError } from '@copr/process/errors'
import type { Selectable } from 'kysely'
import type { Db, Tx } from '../database/open.ts'
import type { BuildTable, ChrootTable } from '../database/schema.ts'

type SourceChroot = Pick<Selectable<ChrootTable>, 'name' | 'arch' | 'config'>

type Wanted = Pick<
  Selectable<BuildTable>,
  'project_id' | 'source_type' | 'source_json' | 'chroots_wanted'
>

/** The preferred architectures, those with the most machines first; the architecture makes no difference to the SRPM. */
const ARCHES = ['x86_64', 'aarch64']

/**
 * Returns the chroot in whose buildroot the SRPM of a build is made; undefined if the source is already an SRPM. For a custom script, the
 * settings name the chroot. For other sources, it is the newest release among the build's chroots of the preferred architecture. `arch`
 * limits the choice to the architecture for which the task was queued.
 */
export async function sourceChroot(
  db: Db | Tx,
  build: Wanted,
  arch: string | null = null,
): Promise<SourceChroot | undefined> {
  const { source_type, source_json } = build
  if (!isMadeInRoot(source_type, source_json)) return undefined
  if (source_type === 'custom') return await namedChroot(db, String(source_json['chroot']))
  const chroots = (await chrootsOfBuild(db, build)).filter(
    (one) => arch === null || one.arch === arch,
  )
  const [best] = chroots.toSorted(byPreference)
  if (!best)
    throw new CoprError(
      'invalid',
      `Cannot make the source package: the project has no enabled chroot${arch === null ? '' : ` for ${arch}`} in which to make it`,
    )
  return best
}

async function namedChroot(db: Db | Tx, name: string): Promise<SourceChroot> {
  const chroot = await db
    .selectFrom('chroot')
    .select(['name', 'arch', 'config'])
    .where('name', '=', name)
    .executeTakeFirst()
  if (chroot) return chroot
  throw new CoprError('invalid', `Cannot run the script: the chroot ${name} does not exist`)
}

async function chrootsOfBuild(
  db: Db | Tx,
  { project_id, chroots_wanted }: Wanted,
): Promise<SourceChroot[]> {
  const chroots = db.selectFrom('chroot').select(['chroot.name', 'chroot.arch', 'chroot.config'])
  if (chroots_wanted !== null && chroots_wanted.length > 0)
    return await chroots.where('chroot.name', 'in', chroots_wanted).execute()
  return await chroots
    .innerJoin('project_chroot', 'project_chroot.chroot_id', 'chroot.id')
    .where('project_chroot.project_id', '=', project_id)
    .where('project_chroot.is_enabled', '=', true)
    .where('chroot.is_active', '=', true)
    .execute()
}

/** Compares numbers in names as numbers: fedora-100 is newer than fedora-43. A release without a number, such as rawhide, comes last. */
const NATURAL = new Intl.Collator('en', { numeric: true })

function byPreference(a: SourceChroot, b: SourceChroot): number {
  return (
    rankOf(a.arch) - rankOf(b.arch) ||
    Number(isNumbered(b)) - Number(isNumbered(a)) ||
    NATURAL.compare(b.name, a.name)
  )
}

function rankOf(arch: string): number {
  const rank = ARCHES.indexOf(arch)
  return rank === -1 ? ARCHES.length : rank
}

function isNumbered({ name }: SourceChroot): boolean {
  return /-[0-9][^-]*-[^-]+$/.test(name)
}
