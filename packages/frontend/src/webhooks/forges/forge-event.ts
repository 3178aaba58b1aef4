import { z } from 'zod'

/** Something that happened in a repository, in a common format for all forges. */
export interface ForgeEvent {
  kind: 'push' | 'tag' | 'pull_request'
  /** All URLs that the forge reports for the repository. */
  urls: readonly string[]
  /** The branch as the forge names it, the name of the tag, or the target branch of the pull request. */
  ref: string
  /** The revision to build: a commit, or the name of the tag. */
  committish: string
  /** The commit to set statuses on; undefined if the forge does not report it. */
  sha: string | undefined
  /** Undefined unless the forge reports all changed files. */
  changed_files: readonly string[] | undefined
  /** The user who triggered the event, as reported by the forge. */
  sender: string
  pull_request?: PullRequest
}

interface PullRequest {
  number: number
  /** URLs of the repository with the commits of the pull request; the first can be cloned without a key. */
  source_urls: readonly string[]
}

/** The events in a delivery, or why there is nothing to build. */
export type Parsed = readonly [ForgeEvent, ...ForgeEvent[]] | string

/** Returns the value of the request header with this name. */
export type Header = (name: string) => string | undefined

export interface ForgeParser {
  /** The event type in the forge's own terms. */
  eventOf: (header: Header) => string | undefined
  /** The forge's own ID of the delivery. */
  deliveryKey: (header: Header) => string | undefined
  /** Throws a ZodError for a body that lacks required fields. */
  parse: (body: unknown, event: string | undefined) => Parsed
}

/** Schema of refs, commits, names and addresses. No forge sends longer ones. */
export const short = z.string().max(2000)
export const optionalShort = short.nullish().transform((text) => text ?? undefined)

const files = z.array(z.string()).nullish()
const Commits = z.array(z.looseObject({ added: files, modified: files, removed: files })).nullish()
/** The commits of a push, reduced to their number and the names of the changed files. */
export const ChangedFiles = Commits.transform((commits) => ({
  commits: commits?.length ?? 0,
  files: (commits ?? []).flatMap(({ added, modified, removed }) =>
    [added, modified, removed].flatMap((each) => each ?? []),
  ),
}))

/** Returns the URLs that the forge sent, without missing and empty ones. */
export function urlsOf(...urls: (string | null | undefined)[]): string[] {
  return urls.flatMap((url) => url || [])
}

/** Whether a ref was deleted, which forges report as a commit of zeros. */
export function isDeleted(commit: string | null | undefined): boolean {
  return commit !== null && commit !== undefined && /^0{7,}$/.test(commit)
}

/** Returns the name of a tag without `refs/tags/`; undefined for other refs. */
export function tagOf(ref: string): string | undefined {
  return ref.startsWith('refs/tags/') ? ref.slice('refs/tags/'.length) : undefined
}

/** Restricted because the numbers are used in the names of directories. */
export const PullRequestNumber = z.number().int().min(1).max(999_999_999)
