import { AddProject } from '@copr/contract/api/projects'
import { formFaults } from '@copr/contract/api/form-fields'
import { unknownChroots } from '@copr/domain/chroots/chroot-queries'
import type { Db } from '@copr/domain/database/open'
import { createProject, nameTaken } from '@copr/domain/projects/create-project'
import { canCreateFor } from '@copr/domain/projects/project-access'
import { findProject, type Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import { requireOwner } from '../api/find-or-404.ts'
import { checkSettings, requireAdminSettings, settingsOf } from './project-form.ts'
import type { Frontend } from '../frontend.ts'
import type { Form } from '../http/read-form.ts'
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
  const sent = await readForm()
  const find = () => findSent(db, ownername, sent)
  // Must come before all other checks: Packit also sends this request for projects of other owners in which it has a role.
  const existing = exist_ok ? await find() : undefined
  if (existing) return existing
  const { name, chroots, ...form } = await parseWithChroots(db, { ownername, form: sent })
  const settings = settingsOf(form, now())
  await checkSettings(db, settings)
  if (!(await canCreateFor(db, user, ownername)))
    throw new CoprError('forbidden', refusalToCreate(user, ownername))
  requireAdminSettings(user, settings)
  const wanted = { ownername, name, user_id: user.id, chroots, settings, now: now() }
  let project: Project
  try {
    project = await createProject(db, user, wanted)
  } catch (error) {
    // A concurrent request may have created the project in the meantime.
    const made = exist_ok ? await find() : undefined
    if (made) return made
    throw error
  }
  void makeProjectKey(frontend, project)
  await frontend.untilPublished(project.id)
  return project
}

/** The error for a user who may not create projects for this owner, beginning with Copr's wording. */
export function refusalToCreate({ username }: UserActor, ownername: string): string {
  const fact = ownername.startsWith('@')
    ? `User '${username}' doesn't have access to the copr group '${ownername.slice(1)}'.`
    : `You were authorized as '${username}' user without permissions to access projects of user '${ownername}'.`
  return `${fact} You cannot create projects for ${ownername}`
}

/** Finds the project that a form names; undefined if there is none, or if the name is not valid. */
async function findSent(db: Db, ownername: string, form: Form): Promise<Project | undefined> {
  const name = AddProject.shape.name.safeParse(form['name'])
  return name.success ? await findProject(db, ownername, name.data) : undefined
}

/**
 * Validates the form of a new project. The error also covers a name that is already taken and unknown chroots, because clients expect all
 * errors at once.
 */
async function parseWithChroots(
  db: Db,
  { ownername, form }: { ownername: string; form: Form },
): Promise<AddProject> {
  const parsed = AddProject.safeParse(form)
  const { name: Name, chroots: Chroots } = AddProject.shape
  const name = Name.safeParse(form['name'])
  const chroots = Chroots.safeParse(form['chroots'])
  const unknown = chroots.success ? await unknownChroots(db, chroots.data) : undefined
  const taken = name.success && (await findProject(db, ownername, name.data))
  const faults = [
    ...(parsed.success ? [] : [formFaults(parsed.error)]),
    ...(taken ? [`name: ${nameTaken(ownername, taken.name)}`] : []),
    ...(unknown === undefined ? [] : [unknown]),
  ]
  if (!parsed.success || faults.length > 0) throw new CoprError('invalid', faults.join('\n'))
  return parsed.data
}
