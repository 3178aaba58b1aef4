import type { Build } from '@copr/domain/builds/build-queries'
import type { Actor } from '@copr/domain/audit/actor'
import type { Db } from '@copr/domain/database/open'
import { requireRight, type Rights, rightsIn } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'

export type BuildAction = 'cancel' | 'resubmit' | 'delete'

/**
 * A build is finished if its source and all its chroots are. The build's state does not show this: a `failed` build may have waiting
 * chroots.
 */
type Phase = 'unfinished' | 'finished'

interface Rule {
  /** The right in the build's project that the action requires. */
  right: 'build' | 'edit'
  /** The phases in which the action is allowed. */
  phases: readonly Phase[]
  /** The phases in which pages show a button for the action. */
  offered: readonly Phase[]
  /** Whether the action is refused in persistent projects. */
  sparesPersistent: boolean
}

/**
 * For each action on a build, the right that it requires and the phases in which it is allowed. Routes use this table to authorize
 * requests, and pages use it to choose buttons.
 */
export const BUILD_ACTIONS: Record<BuildAction, Rule> = {
  cancel: {
    right: 'build',
    phases: ['unfinished'],
    offered: ['unfinished'],
    sparesPersistent: false,
  },
  resubmit: {
    right: 'build',
    phases: ['unfinished', 'finished'],
    offered: ['finished'],
    sparesPersistent: false,
  },
  delete: {
    right: 'edit',
    phases: ['finished'],
    offered: ['finished'],
    sparesPersistent: true,
  },
}

/**
 * The end of the message that refuses an action in this phase. The domain package checks the phase again while the build is locked, and its
 * messages end in the same way.
 */
const PHASE_REASON: Record<Phase, string> = {
  unfinished: 'it is not finished; cancel it first',
  finished: 'it is finished already',
}

/** The beginning of the message that refuses an action in the wrong phase, with Copr's wording. */
const WRONG_PHASE: Record<BuildAction, string> = {
  cancel: 'Cannot cancel build',
  resubmit: 'Cannot resubmit build',
  delete: 'You can not delete build',
}

interface Subject {
  build: Pick<Build, 'finished_at'>
  project: Pick<Project, 'persistent'>
  rights: Rights
}

/** Reason of a refusal: the user lacks the right, or the build is in the wrong phase. */
export type Refusal = 'right' | 'phase'

/** Returns the reasons for refusing an action; empty if it is allowed. */
export function whyRefused(action: BuildAction, { build, project, rights }: Subject): Refusal[] {
  const { right, phases, sparesPersistent } = BUILD_ACTIONS[action]
  const hasRight = rights[right] && !(sparesPersistent && project.persistent)
  return [
    ...(hasRight ? [] : ['right' as const]),
    ...(phases.includes(phaseOf(build)) ? [] : ['phase' as const]),
  ]
}

/** Returns the actions for which pages show buttons to a user with these rights. */
export function buildActions(subject: Subject): BuildAction[] {
  const actions = Object.keys(BUILD_ACTIONS) as BuildAction[]
  return actions.filter(
    (action) =>
      BUILD_ACTIONS[action].offered.includes(phaseOf(subject.build)) &&
      whyRefused(action, subject).length === 0,
  )
}

/** Throws unless the user may perform the action on the build now. */
export async function requireBuildAction(
  db: Db,
  user: Actor | undefined,
  action: BuildAction,
  { build, project }: { build: Build; project: Project },
): Promise<void> {
  // If a deletion is refused, the message should name the build and not the project, so that case is handled below.
  if (action !== 'delete')
    await requireRight(
      db,
      user,
      project,
      BUILD_ACTIONS[action].right,
      action === 'cancel' ? () => 'You are not allowed to cancel this build.' : undefined,
    )
  const rights = await rightsIn(db, user, project)
  const [refusal] = whyRefused(action, { build, project, rights })
  if (refusal === 'right')
    throw new CoprError('forbidden', refusalOfDeletion(user, { build, project, rights }))
  if (refusal === 'phase')
    throw new CoprError(
      'conflict',
      `${WRONG_PHASE[action]} ${build.id}: ${PHASE_REASON[phaseOf(build)]}`,
    )
}

/** The error for a user who may not delete a build. */
function refusalOfDeletion(
  user: Actor | undefined,
  { build, project, rights }: { build: Build; project: Project; rights: Rights },
): string {
  const who = `User '${user?.username ?? 'anonymous'}'`
  return rights.edit && project.persistent
    ? `${who} can not delete a persistent build ${build.id}: builds of a persistent project are never deleted`
    : `${who} doesn't have permissions to delete build ${build.id}: you cannot delete builds in ${project.ownername}/${project.name}`
}

function phaseOf({ finished_at }: Pick<Build, 'finished_at'>): Phase {
  return finished_at === null ? 'unfinished' : 'finished'
}
