import type { Build } from '@copr/domain/builds/build-queries'
import type { Actor } from '@copr/domain/audit/actor'
import type { Db } from '@copr/domain/database/open'
import { requireRight, type Rights, rightsIn } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'

export type BuildAction = 'cancel' | 'resubmit' | 'delete'

/** A build is finished when its source and all its chroots are. Its state does not tell: one `failed` may still have a waiting chroot. */
type Phase = 'unfinished' | 'finished'

interface Rule {
  /** The right that it needs in the build's project. */
  right: 'build' | 'edit'
  /** The phases in which it is allowed. */
  phases: readonly Phase[]
  /** The phases in which pages show a button for it. */
  offered: readonly Phase[]
  /** Builds of persistent projects are kept. */
  sparesPersistent: boolean
}

/** The right and the state that an action on a build needs. Routes refuse by this table, pages show their buttons by it. */
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

/** Ends the message that refuses an action in this phase. The domain says the same when it checks again, under the build's lock. */
const PHASE_REASON: Record<Phase, string> = {
  unfinished: 'it is not finished; cancel it first',
  finished: 'it is finished already',
}

interface Subject {
  build: Pick<Build, 'finished_at'>
  project: Pick<Project, 'persistent'>
  rights: Rights
}

/** The user lacks the right, or the build is in another phase. */
export type Refusal = 'right' | 'phase'

/** Why an action is refused; empty when it is allowed. */
export function whyRefused(action: BuildAction, { build, project, rights }: Subject): Refusal[] {
  const { right, phases, sparesPersistent } = BUILD_ACTIONS[action]
  const hasRight = rights[right] && !(sparesPersistent && project.persistent)
  return [
    ...(hasRight ? [] : ['right' as const]),
    ...(phases.includes(phaseOf(build)) ? [] : ['phase' as const]),
  ]
}

/** The actions for which pages show a button to a user with these rights. */
export function buildActions(subject: Subject): BuildAction[] {
  const actions = Object.keys(BUILD_ACTIONS) as BuildAction[]
  return actions.filter(
    (action) =>
      BUILD_ACTIONS[action].offered.includes(phaseOf(subject.build)) &&
      whyRefused(action, subject).length === 0,
  )
}

/** Throws unless the user may do this with the build now. */
export async function requireBuildAction(
  db: Db,
  user: Actor | undefined,
  action: BuildAction,
  { build, project }: { build: Build; project: Project },
): Promise<void> {
  // A deletion is refused in terms of the build, all else in terms of the project.
  if (action !== 'delete') await requireRight(db, user, project, BUILD_ACTIONS[action].right)
  const rights = await rightsIn(db, user, project)
  const [refusal] = whyRefused(action, { build, project, rights })
  if (refusal === 'right')
    throw new CoprError('forbidden', `You cannot ${action} build ${build.id}`)
  if (refusal === 'phase')
    throw new CoprError(
      'conflict',
      `Cannot ${action} build ${build.id}: ${PHASE_REASON[phaseOf(build)]}`,
    )
}

function phaseOf({ finished_at }: Pick<Build, 'finished_at'>): Phase {
  return finished_at === null ? 'unfinished' : 'finished'
}
