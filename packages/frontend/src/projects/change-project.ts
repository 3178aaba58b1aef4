import { EditProject } from '@copr/contract/api/projects'
import { editProject } from '@copr/domain/projects/edit-project'
import type { Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { checkSettings, requireAdminSettings, settingsOf } from './project-form.ts'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'

/** Applies a form of the API or of a page to a project. The caller has checked the right to edit it. */
export async function changeProject(
  frontend: Frontend,
  { user, project, form }: { user: UserActor; project: Project; form: Form },
): Promise<Project> {
  const { db, now } = frontend
  const { chroots, ...wanted } = parseForm(EditProject, form)
  const settings = settingsOf(wanted, now())
  await checkSettings(db, { persistent: project.persistent, ...settings })
  requireAdminSettings(user, settings)
  const changed = await editProject(db, user, { project, settings, chroots, now: now() })
  if (chroots || settings.devel_mode !== undefined) await frontend.untilPublished(project.id)
  return changed
}
