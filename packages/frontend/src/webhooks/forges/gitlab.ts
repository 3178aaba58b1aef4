import { z } from 'zod'
import {
  ChangedFiles,
  type ForgeParser,
  isDeleted,
  optionalShort,
  type Parsed,
  PullRequestNumber,
  short,
  urlsOf,
} from './forge-event.ts'

const Repository = z.looseObject({
  git_http_url: short,
  git_ssh_url: optionalShort,
  web_url: optionalShort,
})
type Repository = z.output<typeof Repository>

const Kind = z.looseObject({ object_kind: short })

const Push = z.looseObject({
  object_kind: short,
  project: Repository,
  ref: short,
  after: optionalShort,
  /** The commit that a tag points to; null if the ref was deleted. */
  checkout_sha: optionalShort,
  commits: ChangedFiles,
  /** May exceed the number of commits in the event, because GitLab lists at most 20. */
  total_commits_count: z.number().nullish(),
  user_username: short,
})

const MergeRequest = z.looseObject({
  project: Repository,
  user: z.looseObject({ username: short }),
  object_attributes: z.looseObject({
    iid: PullRequestNumber,
    action: short.default(''),
    /** The previous commit; present only if commits were pushed. */
    oldrev: optionalShort,
    target_branch: short,
    source: Repository.nullish(),
    last_commit: z.looseObject({ id: short }),
  }),
})

export const gitlab: ForgeParser = {
  eventOf: (header) => header('x-gitlab-event'),
  deliveryKey: (header) =>
    header('webhook-id') ?? header('idempotency-key') ?? header('x-gitlab-event-uuid'),
  parse(body) {
    const { object_kind } = Kind.parse(body)
    switch (object_kind) {
      case 'push':
      case 'tag_push':
        return parsePush(body)
      case 'merge_request':
        return parseMergeRequest(body)
      default:
        return `the event ${object_kind} starts no builds; push, tag_push and merge_request do`
    }
  },
}

function parsePush(body: unknown): Parsed {
  const push = Push.parse(body)
  const { object_kind, project, ref, after, checkout_sha, commits, total_commits_count } = push
  if (isDeleted(after)) return `${ref} was deleted`
  const sender = `gitlab.com:${push.user_username}`
  if (object_kind === 'tag_push') {
    const tag = ref.startsWith('refs/tags/') ? ref.slice('refs/tags/'.length) : ref
    return [
      {
        kind: 'tag',
        urls: allUrls(project),
        ref: tag,
        committish: tag,
        sha: checkout_sha,
        changed_files: undefined,
        sender,
      },
    ]
  }
  const isComplete = (total_commits_count ?? 0) <= commits.commits
  return [
    {
      kind: 'push',
      urls: allUrls(project),
      ref,
      committish: after ?? '',
      sha: after,
      changed_files: isComplete ? commits.files : undefined,
      sender,
    },
  ]
}

function parseMergeRequest(body: unknown): Parsed {
  const { project, user, object_attributes } = MergeRequest.parse(body)
  const { iid, action, oldrev, target_branch, source, last_commit } = object_attributes
  const hasCommits =
    action === 'open' || action === 'reopen' || (action === 'update' && oldrev !== undefined)
  if (!hasCommits) return `merge request ${iid} was changed (${action}) without new commits`
  if (!source) return `the repository of merge request ${iid} was deleted`
  return [
    {
      kind: 'pull_request',
      urls: allUrls(project),
      ref: target_branch,
      committish: last_commit.id,
      sha: last_commit.id,
      changed_files: undefined,
      sender: `gitlab.com:${user.username}`,
      pull_request: { number: iid, source_urls: allUrls(source) },
    },
  ]
}

function allUrls({ git_http_url, git_ssh_url, web_url }: Repository): string[] {
  return urlsOf(git_http_url, git_ssh_url, web_url)
}
