import { z } from 'zod'
import {
  ChangedFiles,
  type ForgeEvent,
  isDeleted,
  optionalShort,
  type Parsed,
  PullRequestNumber,
  short,
  tagOf,
  urlsOf,
} from './forge-event.ts'

const Repository = z.looseObject({
  clone_url: short,
  ssh_url: optionalShort,
  git_url: optionalShort,
  html_url: optionalShort,
})
type Repository = z.output<typeof Repository>

/** A push may contain more commits than it lists. */
const Push = z.looseObject({
  repository: Repository,
  ref: short.default(''),
  after: short.default(''),
  commits: ChangedFiles,
  total_commits: z.number().nullish(),
  head_commit: z.looseObject({ id: optionalShort }).nullish(),
})

const Create = z.looseObject({
  repository: Repository,
  ref: short,
  ref_type: short,
  sha: optionalShort,
})

const PullRequestEvent = z.looseObject({
  action: short,
  number: PullRequestNumber,
  repository: Repository,
  pull_request: z.looseObject({
    head: z.looseObject({ sha: short, repo: Repository.nullish() }),
    base: z.looseObject({ ref: short }),
  }),
})

/** Actions after which a pull request may have new commits: those of GitHub, and `synchronized`, which Forgejo sends. */
const BUILT_ACTIONS = ['opened', 'reopened', 'synchronize', 'synchronized']

/** Parses the events of GitHub, whose format Gitea and Forgejo have adopted. */
export function parseGithubLike(
  body: unknown,
  event: string | undefined,
  senderOf: (body: unknown) => string,
): Parsed {
  switch (event) {
    case 'push':
      return parsePush(body, senderOf)
    case 'create':
      return parseCreate(body, senderOf)
    case 'pull_request':
    case 'pull_request_sync':
      return parsePullRequest(body, senderOf)
    default:
      return `the event ${event} starts no builds; push, create and pull_request do`
  }
}

function parsePush(body: unknown, senderOf: (body: unknown) => string): Parsed {
  const { repository, ref, after, commits, total_commits, head_commit } = Push.parse(body)
  const sender = senderOf(body)
  if (isDeleted(after)) return `${ref} was deleted`
  const tag = tagOf(ref)
  if (tag !== undefined)
    return [tagEvent(repository, { tag, sha: head_commit?.id ?? undefined, sender })]
  const isComplete = (total_commits ?? 0) <= commits.commits
  return [
    {
      kind: 'push',
      urls: allUrls(repository),
      ref,
      committish: after,
      sha: after,
      changed_files: isComplete ? commits.files : undefined,
      sender,
    },
  ]
}

function parseCreate(body: unknown, senderOf: (body: unknown) => string): Parsed {
  const { repository, ref, ref_type, sha } = Create.parse(body)
  if (ref_type !== 'tag') return `creating a ${ref_type} starts no builds; pushes to it do`
  return [tagEvent(repository, { tag: tagOf(ref) ?? ref, sha, sender: senderOf(body) })]
}

function tagEvent(
  repository: Repository,
  { tag, sha, sender }: { tag: string; sha: string | undefined; sender: string },
): ForgeEvent {
  return {
    kind: 'tag',
    urls: allUrls(repository),
    ref: tag,
    committish: tag,
    sha,
    changed_files: undefined,
    sender,
  }
}

function parsePullRequest(body: unknown, senderOf: (body: unknown) => string): Parsed {
  const { action, number, repository, pull_request } = PullRequestEvent.parse(body)
  if (!BUILT_ACTIONS.includes(action))
    return `pull request ${number} was changed (${action}) without new commits`
  const { head, base } = pull_request
  if (!head.repo) return `the repository of pull request ${number} was deleted`
  return [
    {
      kind: 'pull_request',
      urls: allUrls(repository),
      ref: base.ref,
      committish: head.sha,
      sha: head.sha,
      changed_files: undefined,
      sender: senderOf(body),
      pull_request: { number, source_urls: allUrls(head.repo) },
    },
  ]
}

function allUrls({ clone_url, ssh_url, git_url, html_url }: Repository): string[] {
  return urlsOf(clone_url, ssh_url, git_url, html_url)
}
