import { audit } from '../audit/audit.ts'
import { notify } from '../database/notify.ts'
import type { Db, Tx } from '../database/open.ts'
import type { Actor } from '../audit/actor.ts'
import { checkComps } from './comps.ts'
import type { ProjectChroot } from './project-chroots.ts'
import type { Project } from './project-queries.ts'

/** The settings of a project chroot that the project's owner can change. */
export type ChrootSettings = Pick<
  ProjectChroot,
  | 'additional_repos'
  | 'additional_packages'
  | 'additional_modules'
  | 'with_opts'
  | 'without_opts'
  | 'bootstrap'
  | 'bootstrap_image'
  | 'isolation'
  | 'build_tags'
>

export interface Comps {
  name: string
  xml: string
}

export const CHROOT_DEFAULTS: ChrootSettings = {
  additional_repos: [],
  additional_packages: [],
  additional_modules: [],
  with_opts: [],
  without_opts: [],
  bootstrap: 'unchanged',
  bootstrap_image: null,
  isolation: 'unchanged',
  build_tags: [],
}

/** Changes the given settings. A value for `comps` replaces the comps file; null removes it. */
export async function editProjectChroot(
  db: Db,
  actor: Actor,
  wanted: {
    project: Pick<Project, 'id' | 'ownername' | 'name'>
    chroot: Pick<ProjectChroot, 'chroot_id' | 'name'>
    settings: Partial<ChrootSettings>
    comps?: Comps | null | undefined
    now: Date
  },
): Promise<void> {
  const { project, chroot, settings, comps, now } = wanted
  if (comps) await checkComps(comps.xml)
  const file =
    comps === undefined ? {} : { comps: comps?.xml ?? null, comps_name: comps?.name ?? null }
  if (Object.keys({ ...settings, ...file }).length === 0) return
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('project_chroot')
      .set({ ...settings, ...file })
      .where('project_id', '=', project.id)
      .where('chroot_id', '=', chroot.chroot_id)
      .execute()
    if (comps !== undefined) await publishAgain(tx, project.id, chroot.chroot_id)
    await audit(
      tx,
      actor,
      {
        action: 'chroot.edit',
        project_id: project.id,
        subject: `${project.ownername}/${project.name}/${chroot.name}`,
        details: {
          ...settings,
          ...('comps_name' in file ? { comps_name: file.comps_name } : {}),
        },
      },
      now,
    )
  })
}

/** Returns the comps file of a project chroot; undefined if there is none. */
export async function compsOfChroot(
  db: Db,
  { project_id, chroot_id }: Pick<ProjectChroot, 'project_id' | 'chroot_id'>,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('project_chroot')
    .select('comps')
    .where('project_id', '=', project_id)
    .where('chroot_id', '=', chroot_id)
    .executeTakeFirst()
  return row?.comps ?? undefined
}

/** Requests new repository indexes in all directories, because each index refers to the comps file. */
async function publishAgain(tx: Tx, project_id: number, chroot_id: number): Promise<void> {
  await tx
    .updateTable('repository')
    .set((eb) => ({ generation: eb('generation', '+', 1) }))
    .where('chroot_id', '=', chroot_id)
    .where('project_dir_id', 'in', (eb) =>
      eb.selectFrom('project_dir').select('id').where('project_id', '=', project_id),
    )
    .execute()
  await notify(tx, 'copr_repository')
}
