import { z } from 'zod'
import {
  type ForgeEvent,
  type ForgeParser,
  type Parsed,
  PullRequestNumber,
  short,
} from './forge-event.ts'

const Link = z.looseObject({ links: z.looseObject({ html: z.looseObject({ href: short }) }) })

const Push = z.looseObject({
  repository: Link,
  push: z.looseObject({
    changes: z
      .array(
        z.looseObject({
          new: z
            .looseObject({ type: short, name: short, target: z.looseObject({ hash: short }) })
            .nullable(),
        }),
      )
      .min(1)
      // Bitbucket sends at most 5 changes.
      .max(50),
  }),
  actor: Link,
})

const PullRequestEvent = z.looseObject({
  repository: Link,
  actor: Link,
  pullrequest: z.looseObject({
    id: PullRequestNumber,
    source: z.looseObject({
      commit: z.looseObject({ hash: short }).nullable(),
      repository: Link.nullable(),
    }),
    destination: z.looseObject({ branch: z.looseObject({ name: short }) }),
  }),
})

/** Bitbucket Cloud, which does not report the changed files. */
export const bitbucket: ForgeParser = {
  eventOf: (header) => header('x-event-key'),
  deliveryKey: (header) => header('x-request-uuid'),
  parse(body, event = 'repo:push') {
    switch (event) {
      case 'repo:push':
        return parsePush(body)
      case 'pullrequest:created':
      case 'pullrequest:updated':
        return parsePullRequest(body)
      default:
        return `the event ${event} starts no builds; repo:push, pullrequest:created and pullrequest:updated do`
    }
  },
}

function parsePush(body: unknown): Parsed {
  const { repository, push, actor } = Push.parse(body)
  const events = push.changes.flatMap(({ new: state }): ForgeEvent[] => {
    if (!state) return []
    const { type, name, target } = state
    const isTag = type === 'tag'
    return [
      {
        kind: isTag ? 'tag' : 'push',
        urls: [repository.links.html.href],
        ref: name,
        committish: isTag ? name : target.hash,
        sha: target.hash,
        changed_files: undefined,
        sender: actor.links.html.href,
      },
    ]
  })
  const [first, ...more] = events
  return first ? [first, ...more] : 'the branch or tag was deleted'
}

function parsePullRequest(body: unknown): Parsed {
  const { repository, actor, pullrequest } = PullRequestEvent.parse(body)
  const { id, source, destination } = pullrequest
  if (!source.repository || !source.commit)
    return `the repository or branch of pull request ${id} was deleted`
  return [
    {
      kind: 'pull_request',
      urls: [repository.links.html.href],
      ref: destination.branch.name,
      committish: source.commit.hash,
      sha: undefined,
      changed_files: undefined,
      sender: actor.links.html.href,
      pull_request: { number: id, source_urls: [source.repository.links.html.href] },
    },
  ]
}
