import { z } from 'zod'

/** Something that happened in a repository, in a common format for all forges. */
export interface ForgeEvent {
  kind: 'push' | 'tag' | 'pull_request'
  /** All URLs of the repository that the forge names. */
  urls: readonly string[]
  /** The branch as the forge names it, the tag's name, or the branch that a pull request would change. */
  ref: string
  /** The revision to build: a commit, or the name of the tag. */
  committish: string
  /** The commit on which statuses are set; undefined if the forge does not report it. */
  sha: string | undefined
  /** Undefined if the forge does not report them, or not all of them. */
  changed_files: readonly string[] | undefined
  /** The user who caused the event, as the forge reports it. */
  sender: string
  pull_request?: PullRequest
}

interface PullRequest {
  number: number
  /** URLs of the repository that contains the commits; the first one can be cloned without a key. */
  source_urls: readonly string[]
}

/** The events in a delivery, or the reason why there is nothing to build. */
export type Parsed = readonly [ForgeEvent, ...ForgeEvent[]] | string

/** Returns the value of a request's header. */
export type Header = (name: string) => string | undefined

export interface ForgeParser {
  /** The kind of event as the forge names it. */
  eventOf: (header: Header) => string | undefined
  /** The forge's own ID of the delivery. */
  deliveryKey: (header: Header) => string | undefined
  /** Throws a ZodError for a body that lacks required fields. */
  parse: (body: unknown, event: string | undefined) => Parsed
}

/** Refs, commits, names and addresses, with a length that no forge exceeds. */
export const short = z.string().max(2000)
export const optionalShort = short.nullish().transform((text) => text ?? undefined)

const files = z.array(z.string()).nullish()
const Commits = z.array(z.looseObject({ added: files, modified: files, removed: files })).nullish()
/** The commits of a push, as the names of the changed files. */
export const ChangedFiles = Commits.transform((commits) => ({
  commits: commits?.length ?? 0,
  files: (commits ?? []).flatMap(({ added, modified, removed }) =>
    [added, modified, removed].flatMap((each) => each ?? []),
  ),
}))

/** The URLs that the forge has sent, without those that are missing. */
export function urlsOf(...urls: (string | null | undefined)[]): string[] {
  return urls.flatMap((url) => url || [])
}

/** Whether a ref was deleted: forges report a commit of zeros. */
export function isDeleted(commit: string | null | undefined): boolean {
  return commit !== null && commit !== undefined && /^0{7,}$/.test(commit)
}

/** The name of a tag without `refs/tags/`; undefined for other refs. */
export function tagOf(ref: string): string | undefined {
  return ref.startsWith('refs/tags/') ? ref.slice('refs/tags/'.length) : undefined
}

/** Pull requests are built into directories with these numbers. */
export const PullRequestNumber = z.number().int().min(1).max(999_999_999)
