import { BuildOptions, BuildTarget } from '@copr/contract/api/builds'
import { BOTH_BATCHES, checkBatch } from '@copr/domain/builds/batches'
import { checkChain } from '@copr/domain/chains/chains'
import type { Submission } from '@copr/domain/builds/submit'
import { chrootPattern } from '@copr/domain/chroots/chroot-pattern'
import { notDenied } from '@copr/domain/chroots/chroot-denylist'
import type { Package } from '@copr/domain/packages/package-queries'
import { requireDirname } from '@copr/domain/projects/project-dirname'
import { listEnabledChroots } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { requireBuildQuota } from '@copr/domain/quotas/quota-check'
import { CoprError } from '@copr/process/errors'
import { requireProject } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import type { UserRequest } from '../http/answer.ts'
import { type Form, parseForm, readForm } from '../http/read-form.ts'
import { selectChroots } from './select-chroots.ts'

/** A submitted form, and the project to build in. */
export interface SentForm {
  project: Project
  form: Form
}

/** Finds the project that the form of a submission names. Throws a 400 if the form names none, and a 404 if the project does not exist. */
export async function projectOfForm({ db }: Pick<Frontend, 'db'>, form: Form): Promise<Project> {
  const { ownername, projectname } = parseForm(BuildTarget, form)
  return await requireProject(db, ownername, projectname)
}

/**
 * Finds the project that the form of a submission names and parses the remaining fields with `read`. The right to build is checked only
 * after that, because clients expect errors in the form to be reported before a 403.
 */
export function targetOfForm<Read extends object>(
  read: (frontend: Frontend, sent: SentForm) => Read | Promise<Read>,
) {
  return async ({ c, frontend }: UserRequest): Promise<Read & { project: Project }> => {
    const form = await readForm(c)
    const project = await projectOfForm(frontend, form)
    return { ...(await read(frontend, { project, form })), project }
  }
}

/** Parses the build options of a form. Throws if they contradict each other or do not fit the project. */
export async function readOptions(
  frontend: Frontend,
  { project, form }: SentForm,
): Promise<{ options: BuildOptions }> {
  const options = parseForm(BuildOptions, form)
  await checkOptions(frontend, { project, options })
  return { options }
}

/** The submitter of a build: a user, or a webhook, whose `submitted_by` is recorded without verification. */
export type Submitter = UserActor | { id: null; submitted_by: string }

/** A user's submission of a build to a project. */
export interface UserSubmission {
  user: UserActor
  project: Project
  options: BuildOptions
}

type Prepared = Omit<Submission, 'source'>

interface Wanted {
  user: Submitter
  project: Project
  options: BuildOptions
  /** The package, if it is known already; its own settings then apply as well. */
  pack?: Package | undefined
  /** The number of builds that the submission creates. Default: 1. */
  builds?: number
}

/**
 * Runs all checks that are possible before a build exists, in the order in which clients expect the errors. The caller must already have
 * checked the right to build; for a webhook, its secret grants that right.
 */
export async function prepareSubmission(
  frontend: Frontend,
  { user, project, options, pack, builds = 1 }: Wanted,
): Promise<Prepared> {
  const { db, config } = frontend
  const timeout_seconds = await checkOptions(frontend, { project, options, pack })
  const { after_build_id, with_build_id, chain_id } = options
  const batch = { after_build_id, with_build_id }
  checkForge(project, options.packit_forge_project)
  const enabled = await listEnabledChroots(db, project.id)
  if (enabled.length === 0)
    throw new CoprError(
      'invalid',
      `Can't create build - project ${project.ownername}/${project.name} has no active chroots: enable one first`,
    )
  const selected = selectChroots(
    enabled.map(({ name }) => name),
    options,
  )
  const ofPackage = pack && notDenied(pack.chroot_denylist, enabled).map(({ name }) => name)
  if (user.id !== null) await checkBatch(db, user, batch)
  if (chain_id !== undefined) await checkChain(db, { chain_id, project_id: project.id, builds })
  // submitBuild() checks the quota again for each build, under a lock. This check rejects the whole submission before any of its builds is
  // created.
  const { limits } = config
  await requireBuildQuota(db, project, { limits, builds })
  return {
    project,
    dirname: options.project_dirname,
    submitter_id: user.id,
    submitted_by: user.id === null ? user.submitted_by : undefined,
    package_id: pack?.id,
    chroots: selected ?? ofPackage ?? null,
    timeout_seconds,
    is_background: options.background ?? false,
    enable_net: options.enable_net ?? null,
    bootstrap: options.bootstrap ?? 'unchanged',
    isolation: options.isolation ?? 'unchanged',
    limits,
    ...batch,
    chain_id,
  }
}

/** Runs the checks that need only the options and the project; returns the timeout of the build in seconds. */
export async function checkOptions(
  { db, config }: Pick<Frontend, 'db' | 'config'>,
  { project, options, pack }: Omit<Wanted, 'user' | 'builds'>,
): Promise<number> {
  await requireDirname(db, project, options.project_dirname ?? project.name)
  const seconds = timeoutOf(options.timeout || pack?.timeout_seconds || 0, config.limits)
  if (options.after_build_id !== undefined && options.with_build_id !== undefined)
    throw new CoprError('invalid', `after_build_id: ${BOTH_BATCHES}`)
  return seconds
}

/** The timeout of a build in seconds; if 0 was requested, the site's default. */
function timeoutOf(timeout: number, limits: Frontend['config']['limits']): number {
  checkTimeout(timeout, limits)
  return timeout === 0 ? limits.default_timeout_seconds : timeout
}

export function checkTimeout(timeout: number, limits: Frontend['config']['limits']): void {
  if (timeout < 0 || timeout > limits.max_timeout_seconds)
    throw new CoprError('invalid', `timeout: must be 0 to ${limits.max_timeout_seconds} seconds`)
}

function checkForge(project: Project, forge: string | undefined): void {
  if (!forge) return
  const plain = forge.replace(/^[a-z]+:\/\//, '')
  const allowed = project.packit_forge_projects_allowed.some((pattern) =>
    chrootPattern(pattern, 'packit_forge_projects_allowed').test(plain),
  )
  if (!allowed)
    throw new CoprError(
      'forbidden',
      `Forge project ${plain.slice(0, 200)} can't build in this Copr via Packit. Add it to packit_forge_projects_allowed of ${project.ownername}/${project.name}`,
    )
}
