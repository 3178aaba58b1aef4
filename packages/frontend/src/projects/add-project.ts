import { AddProject } from '@copr/contract/api/projects'
import { createProject } from '@copr/domain/projects/create-project'
import { canCreateFor } from '@copr/domain/projects/project-access'
import { findProject, type Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import { requireOwner } from '../api/find-or-404.ts'
import { checkSettings, requireAdminSettings, settingsOf } from './project-form.ts'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'
import { makeProjectKey } from './project-keys.ts'

interface WantedProject {
  user: UserActor
  ownername: string
  readForm: () => Promise<Form>
  /** Whether to return an existing project of that name instead of failing. */
  exist_ok?: boolean
}

/** Makes a project, and waits until dnf can use it; its signing key is made in the background. */
export async function addProject(
  frontend: Frontend,
  { user, ownername, readForm, exist_ok = false }: WantedProject,
): Promise<Project> {
  const { db, now } = frontend
  await requireOwner(db, ownername)
  const { name, chroots, ...form } = parseForm(AddProject, await readForm())
  const settings = settingsOf(form, now())
  await checkSettings(db, settings)
  if (!(await canCreateFor(db, user, ownername)))
    throw new CoprError('forbidden', `You cannot create projects for ${ownername}`)
  requireAdminSettings(user, settings)
  const existing = exist_ok ? await findProject(db, ownername, name) : undefined
  if (existing) return existing
  const wanted = { ownername, name, user_id: user.id, chroots, settings, now: now() }
  const project = await createProject(db, user, wanted)
  void makeProjectKey(frontend, project)
  await frontend.untilPublished(project.id)
  return project
}
