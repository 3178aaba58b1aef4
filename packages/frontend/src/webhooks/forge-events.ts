import { z } from 'zod'

/** A push event in a common format for all forges. */
export interface ForgeEvent {
  clone_url: string
  is_tag: boolean
  /** The branch, or the tag's name. */
  ref: string
  /** The revision to build: a commit, or the name of the tag. */
  commit: string
  changed_files: readonly string[]
  /** The user who pushed, as the forge reports it. */
  sender: string
}

/** Refs, commits, names and addresses, with a length that no forge exceeds. */
const short = z.string().max(2000)
const files = z.array(z.string()).default([])
const Commits = z
  .array(z.looseObject({ added: files, modified: files, removed: files }))
  .default([])

const GitHub = z.looseObject({
  repository: z.looseObject({ clone_url: short }),
  ref: short.default(''),
  ref_type: short.optional(),
  after: short.default(''),
  commits: Commits,
  sender: z.looseObject({ url: short }),
})

const GitLab = z.looseObject({
  project: z.looseObject({ git_http_url: short }),
  object_kind: short,
  ref: short,
  after: short.nullish(),
  commits: Commits,
  user_username: short,
})

const Bitbucket = z.looseObject({
  repository: z.looseObject({
    links: z.looseObject({ html: z.looseObject({ href: short }) }),
  }),
  push: z.looseObject({
    changes: z
      .array(
        z.looseObject({
          new: z
            .looseObject({
              type: short,
              name: short,
              target: z.looseObject({ hash: short }),
            })
            .nullable(),
        }),
      )
      .min(1),
  }),
  actor: z.looseObject({ links: z.looseObject({ html: z.looseObject({ href: short }) }) }),
})

/** Parsers of webhook bodies by forge; they return undefined if there is nothing to build, for instance after a branch was deleted. */
export const FORGES = {
  github: (body: unknown): ForgeEvent => {
    const { repository, ref, ref_type, after, commits, sender } = GitHub.parse(body)
    const is_tag = ref_type === 'tag'
    return {
      clone_url: repository.clone_url,
      is_tag,
      ref,
      commit: is_tag ? ref : after,
      changed_files: changed(commits),
      sender: sender.url,
    }
  },
  gitlab: (body: unknown): ForgeEvent => {
    const { project, object_kind, ref, after, commits, user_username } = GitLab.parse(body)
    const is_tag = object_kind === 'tag_push'
    const name = is_tag ? (ref.split('/').at(-1) ?? ref) : ref
    return {
      clone_url: project.git_http_url,
      is_tag,
      ref: name,
      commit: is_tag ? name : (after ?? ''),
      changed_files: changed(commits),
      sender: `gitlab.com:${user_username}`,
    }
  },
  bitbucket: (body: unknown): ForgeEvent | undefined => {
    const { repository, push, actor } = Bitbucket.parse(body)
    const state = push.changes[0]?.new
    if (!state) return undefined
    const is_tag = state.type === 'tag'
    return {
      clone_url: repository.links.html.href,
      is_tag,
      ref: state.name,
      commit: is_tag ? state.name : state.target.hash,
      // Bitbucket does not report the changed files.
      changed_files: [],
      sender: actor.links.html.href,
    }
  },
} as const satisfies Record<string, (body: unknown) => ForgeEvent | undefined>
export type Forge = keyof typeof FORGES

function changed(commits: z.infer<typeof Commits>): string[] {
  return commits.flatMap(({ added, modified, removed }) => [...added, ...modified, ...removed])
}
