import { type BuildOptions, BuildTarget } from '@copr/contract/api/builds'
import type { Submission } from '@copr/domain/builds/submit'
import { requireRight, rightsIn } from '@copr/domain/projects/project-access'
import { listEnabledChroots } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/users/actor'
import { CoprError } from '@copr/process/errors'
import { projectOfBuild, requireBuild, requireProject } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'
import { selectChroots } from './select-chroots.ts'

/** The project that a submission names: 400 without a name, 404 when it does not exist. */
export async function targetProject({ db }: Pick<Frontend, 'db'>, form: Form): Promise<Project> {
  const { ownername, projectname } = parseForm(BuildTarget, form)
  return await requireProject(db, ownername, projectname)
}

type Prepared = Omit<Submission, 'source'>

/** Checks all that can be told before a build exists, in the order in which clients expect the errors. */
export async function prepareSubmission(
  frontend: Frontend,
  { user, project, options }: { user: UserActor; project: Project; options: BuildOptions },
): Promise<Prepared> {
  const { db, config } = frontend
  checkDirname(project, options.project_dirname)
  const timeout_seconds = timeoutOf(options, config.limits)
  if (options.after_build_id !== undefined && options.with_build_id !== undefined)
    throw new CoprError('invalid', 'after_build_id: cannot be combined with with_build_id')
  const { after_build_id, with_build_id } = options
  await requireRight(db, user, project, 'build')
  checkForge(project, options.packit_forge_project)
  const enabled = (await listEnabledChroots(db, project.id)).map(({ name }) => name)
  if (enabled.length === 0)
    throw new CoprError('invalid', `The project ${project.name} has no active chroots`)
  const chroots = selectChroots(enabled, options)
  await checkBatch(frontend, user, with_build_id)
  return {
    project,
    dirname: options.project_dirname,
    submitter_id: user.id,
    chroots,
    timeout_seconds,
    is_background: options.background ?? false,
    enable_net: options.enable_net ?? null,
    bootstrap: options.bootstrap ?? 'unchanged',
    isolation: options.isolation ?? 'unchanged',
    after_build_id,
    with_build_id,
  }
}

function checkDirname(project: Project, dirname: string | undefined): void {
  if (dirname === undefined || dirname === project.name || dirname.startsWith(`${project.name}:`))
    return
  throw new CoprError(
    'invalid',
    `project_dirname: ${dirname} is not a directory of the project ${project.name}`,
  )
}

function timeoutOf({ timeout = 0 }: BuildOptions, limits: Frontend['config']['limits']): number {
  if (timeout < 0 || timeout > limits.max_timeout_seconds)
    throw new CoprError('invalid', `timeout: must be 0 to ${limits.max_timeout_seconds} seconds`)
  return timeout === 0 ? limits.default_timeout_seconds : timeout
}

function checkForge(project: Project, forge: string | undefined): void {
  if (!forge) return
  const plain = forge.replace(/^[a-z]+:\/\//, '')
  const allowed = project.packit_forge_projects_allowed.some((pattern) =>
    pattern.endsWith('*') ? plain.startsWith(pattern.slice(0, -1)) : plain === pattern,
  )
  if (!allowed)
    throw new CoprError(
      'forbidden',
      `Forge project ${plain} is not allowed to build in ${project.ownername}/${project.name}`,
    )
}

/** Joining somebody's batch delays what waits for it. */
async function checkBatch(
  { db }: Frontend,
  user: UserActor,
  with_build_id: number | undefined,
): Promise<void> {
  if (with_build_id === undefined) return
  const build = await requireBuild(db, with_build_id).catch(() => {
    throw new CoprError('invalid', `with_build_id: build ${with_build_id} does not exist`)
  })
  if (!(await rightsIn(db, user, await projectOfBuild(db, build))).build)
    throw new CoprError('invalid', `with_build_id: you cannot build in the project of ${build.id}`)
}
