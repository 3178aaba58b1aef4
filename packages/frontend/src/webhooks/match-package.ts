import { isSameRepository } from '@copr/contract/repository-url'
import { withoutSlashes } from '@copr/contract/without-slashes'
import type { PullRequests } from '@copr/contract/api/webhooks'
import type { Package } from '@copr/domain/packages/package-queries'
import type { ForgeEvent } from './forges/forge-event.ts'

type Matched = Pick<Package, 'name' | 'source_json' | 'webhook_rebuild'>

/** Whether an event triggers a build of a package, and the reason in one sentence. */
export interface Match {
  isBuilt: boolean
  reason: string
}

interface Circumstances {
  /** The name of the package in the webhook's URL; tags for it need not contain its name. */
  named: string | undefined
  pull_requests: PullRequests
}

/** Whether a package's source is the repository in which an event happened. */
export function isSourceOf(event: Pick<ForgeEvent, 'urls'>, { source_json }: Matched): boolean {
  const clone_url = textOf(source_json['clone_url'])
  return event.urls.some((url) => isSameRepository(url, clone_url))
}

/** Decides whether to build a package whose source is the event's repository. */
export function matchPackage(pack: Matched, event: ForgeEvent, around: Circumstances): Match {
  if (!pack.webhook_rebuild) return no('auto-rebuild of the package is off')
  switch (event.kind) {
    case 'tag':
      return matchTag(pack, event, around.named)
    case 'push':
      return matchPush(pack, event)
    case 'pull_request':
      return matchPullRequest(pack, event, around.pull_requests)
  }
}

function matchTag({ name }: Matched, { ref }: ForgeEvent, named: string | undefined): Match {
  if (named === name) return yes(`tag ${ref}, as the webhook URL names the package`)
  if (namesInTag(ref).includes(name)) return yes(`tag ${ref}`)
  return no(
    `tag ${ref} does not match ${name}-VERSION or ${name}-VERSION-RELEASE, and the webhook URL does not end with the package's name`,
  )
}

function matchPush(pack: Matched, event: ForgeEvent): Match {
  const { ref, committish } = event
  const wanted = textOf(pack.source_json['committish'])
  if (wanted !== '' && !ref.endsWith(wanted))
    return no(`ref ${ref} does not end with the committish ${wanted}`)
  const where = `${ref} at ${committish.slice(0, 12)}`
  if (event.changed_files === undefined)
    return yes(`${where}; the forge does not list all changed files`)
  if (event.changed_files.length === 0) return no(`the push to ${ref} changes no files`)
  const folder = folderOf(pack)
  if (folder === '') return yes(where)
  if (event.changed_files.some((file) => file.startsWith(`${folder}/`))) return yes(where)
  return no(`the push to ${ref} changes no file in the subdirectory ${folder}`)
}

function matchPullRequest(pack: Matched, event: ForgeEvent, allowed: PullRequests): Match {
  const { ref, pull_request } = event
  const title = `pull request ${pull_request?.number ?? ''}`
  if (allowed === 'none') return no(`the project does not build pull requests`)
  if (allowed === 'own' && isFromElsewhere(pack, event))
    return no(`${title} is from another repository, and the project does not build those`)
  const wanted = textOf(pack.source_json['committish'])
  if (wanted !== '' && !`refs/heads/${ref}`.endsWith(wanted))
    return no(`${title} is for the branch ${ref}, which does not end with the committish ${wanted}`)
  return yes(`${title} at ${event.committish.slice(0, 12)}`)
}

/** Whether the commits of a pull request are in a repository other than the package's source. */
export function isFromElsewhere({ source_json }: Matched, { pull_request }: ForgeEvent): boolean {
  const clone_url = textOf(source_json['clone_url'])
  return !(pull_request?.source_urls ?? []).some((url) => isSameRepository(url, clone_url))
}

/** Returns the package names that a tag of the form `name-version` or `name-version-release` may contain. */
export function namesInTag(tag: string): string[] {
  const parts = tag.split(/[-_]/)
  const hasDigit = (part: string | undefined): boolean => /\d/.test(part ?? '')
  const names: string[] = []
  for (const dropped of [1, 2]) {
    if (parts.length <= dropped || !parts.slice(-dropped).every(hasDigit)) break
    const rest = parts.slice(0, -dropped)
    names.push(rest.join('-'), rest.join('_'))
  }
  return names
}

function folderOf({ source_json }: Matched): string {
  return withoutSlashes(textOf(source_json['subdirectory']).replace(/^[./]+/, ''))
}

function yes(reason: string): Match {
  return { isBuilt: true, reason }
}

function no(reason: string): Match {
  return { isBuilt: false, reason }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
