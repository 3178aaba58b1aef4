import { BuildOptions } from '@copr/contract/api/builds'
import { formFaults } from '@copr/contract/api/form-fields'
import { SOURCE_FIELDS } from '@copr/contract/api/sources'
import type { Decision } from '@copr/contract/api/webhooks'
import type { CommitStatusWish } from '@copr/domain/received-webhooks/commit-statuses'
import { claimOnce, releaseClaims } from '@copr/domain/received-webhooks/seen'
import { listScmPackages, type Package } from '@copr/domain/packages/package-queries'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError, messageOf } from '@copr/process/errors'
import { submitPackage } from '../builds/submit-package.ts'
import type { Frontend } from '../frontend.ts'
import type { ForgeEvent } from './forges/forge-event.ts'
import { isFromElsewhere, isSourceOf, matchPackage } from './match-package.ts'

export interface EventContext {
  project: Project
  /** The name of the package in the webhook's URL. */
  named: string | undefined
  /** Whether a delivery is being replayed, in which case its tags are built again. */
  isReplay: boolean
}

/** Maximum number of decisions stored per delivery; a project may have thousands of packages from one repository. */
const MAX_DECISIONS = 500

/** Builds the packages that an event concerns; returns a decision for each package whose source is the event's repository. */
export async function buildEvent(
  frontend: Frontend,
  event: ForgeEvent,
  context: EventContext,
): Promise<Decision[]> {
  const { project, named } = context
  const packages = await listScmPackages(frontend.db, project.id)
  const decisions: Decision[] = []
  for (const pack of packages.filter((each) => isSourceOf(event, each))) {
    const around = { named, pull_requests: project.webhook_pull_requests }
    const { isBuilt, reason } = matchPackage(pack, event, around)
    const decision = { package: pack.name, build_id: null, reason }
    decisions.push(
      isBuilt ? await tryBuild(frontend, pack, { ...context, event, reason }) : decision,
    )
  }
  // Built packages come first, so that the limit omits none of them.
  return decisions
    .toSorted((a, b) => Number(b.build_id !== null) - Number(a.build_id !== null))
    .slice(0, MAX_DECISIONS)
}

type Attempt = EventContext & { event: ForgeEvent; reason: string }

async function tryBuild(
  frontend: Frontend,
  pack: Package,
  { project, event, reason, isReplay }: Attempt,
): Promise<Decision> {
  const { db, log, now } = frontend
  const tag = { project_id: project.id, key: `tag ${pack.name} ${event.ref}` }
  if (event.kind === 'tag' && !isReplay && !(await claimOnce(db, tag, now())))
    return {
      package: pack.name,
      build_id: null,
      reason: `tag ${event.ref} was received less than 5 minutes ago, as forges report a tag by two events; replay this delivery to build it again`,
    }
  try {
    const build_id = await submit(frontend, { project, pack, event })
    log.info({ project_id: project.id, package: pack.name, build_id }, 'Webhook submitted a build')
    return { package: pack.name, build_id, reason }
  } catch (error) {
    if (event.kind === 'tag') await releaseClaims(db, project.id, [tag.key])
    // A package that cannot be built must not prevent the builds of others.
    if (!(error instanceof CoprError)) throw error
    log.warn(
      { err: error, project_id: project.id, package: pack.name },
      'Webhook cannot submit a build',
    )
    const refusal = `${reason}, but the build was refused: ${messageOf(error)}`
    return { package: pack.name, build_id: null, reason: refusal }
  }
}

interface EventBuild {
  project: Project
  pack: Package
  event: ForgeEvent
}

async function submit(frontend: Frontend, build: EventBuild): Promise<number> {
  const { project, pack, event } = build
  const { pull_request, sender } = event
  const dirname = pull_request ? `${project.name}:pr:${pull_request.number}` : project.name
  return await submitPackage(frontend, {
    project,
    pack,
    options: BuildOptions.parse({ background: true, project_dirname: dirname }),
    by: { id: null, submitted_by: sender },
    source: sourceOf(build),
    commit_status: statusOf(build, dirname),
  })
}

/** Returns the source fields that the event replaces; throws if their values would not be allowed in a form. */
function sourceOf({ pack, event }: EventBuild): Record<string, string> {
  const { committish, pull_request } = event
  const isElsewhere = pull_request !== undefined && isFromElsewhere(pack, event)
  const source = {
    committish,
    ...(isElsewhere ? { clone_url: pull_request.source_urls[0] ?? '' } : {}),
  }
  const parsed = EventSource.safeParse(source)
  if (!parsed.success) throw new CoprError('invalid', formFaults(parsed.error))
  return source
}

const EventSource = SOURCE_FIELDS.scm.pick({ clone_url: true, committish: true }).partial()

function statusOf(
  { project, pack, event: { sha } }: EventBuild,
  dirname: string,
): CommitStatusWish | undefined {
  const clone_url = pack.source_json['clone_url']
  if (sha === undefined || !/^[0-9a-f]{40,64}$/.test(sha) || typeof clone_url !== 'string')
    return undefined
  return { clone_url, commit: sha, context: `copr/${project.ownername}/${dirname}/${pack.name}` }
}
