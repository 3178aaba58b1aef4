import type { Forge } from '../webhooks/forges/forges.ts'

/** Webhook bodies in the documented format of each forge, with the fields that matter and some that do not. */
export interface ForgePayload {
  forge: Forge
  event: string
  headers: Record<string, string>
  body: Record<string, unknown>
}

export const SHA = 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7'
export const ZEROS = '0'.repeat(40)
const WHO = 'dana'

/** The owner and name in a repository's URL: those of the package's own repository, or of somebody else's fork. */
type Name = 'dana/lens' | 'eve/lens'

export interface PushFacts {
  ref?: string
  after?: string
  files?: string[]
}

export const github = {
  repository: (name: Name = 'dana/lens') => ({
    id: 1296269,
    full_name: name,
    private: false,
    html_url: `https://git.example.org/${name}`,
    clone_url: `https://git.example.org/${name}.git`,
    ssh_url: `git@git.example.org:${name}.git`,
    git_url: `git://git.example.org/${name}.git`,
  }),
  sender: { login: WHO, id: 1, url: 'https://api.git.example.org/users/dana', type: 'User' },
  payload(event: string, body: object): ForgePayload {
    return {
      forge: 'github',
      event,
      headers: {
        'x-github-event': event,
        'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      },
      body: { repository: github.repository(), sender: github.sender, ...body },
    }
  },
  push: ({ ref = 'refs/heads/main', after = SHA, files = ['lens.spec'] }: PushFacts = {}) =>
    github.payload('push', {
      ref,
      before: ZEROS,
      after,
      created: false,
      deleted: after === ZEROS,
      commits: files.length === 0 ? [] : [{ id: after, added: [], modified: files, removed: [] }],
      head_commit: after === ZEROS ? null : { id: after, message: 'Polish the lens' },
      pusher: { name: WHO, email: 'dana@example.org' },
    }),
  create: (ref: string, ref_type = 'tag') =>
    github.payload('create', { ref, ref_type, master_branch: 'main', pusher_type: 'user' }),
  pullRequest: (action: string, head: Name = 'dana/lens', base = 'main') =>
    github.payload('pull_request', {
      action,
      number: 7,
      pull_request: {
        number: 7,
        state: 'open',
        head: { ref: 'fix', sha: SHA, repo: github.repository(head) },
        base: { ref: base, sha: ZEROS, repo: github.repository() },
      },
    }),
}

const forgejoHeaders = (event: string): Record<string, string> => ({
  'x-forgejo-event': event,
  'x-forgejo-delivery': 'f6266f16-1bf3-46a5-9ea4-602e06ead473',
  'x-gitea-event': event,
  'x-gitea-delivery': 'f6266f16-1bf3-46a5-9ea4-602e06ead473',
  'x-github-event': event,
})

export const forgejo = {
  payload(event: string, { body }: ForgePayload, more: object = {}): ForgePayload {
    const sender = { id: 1, login: WHO, html_url: 'https://git.example.org/dana' }
    return {
      forge: 'forgejo',
      event,
      headers: forgejoHeaders(event),
      body: { ...body, sender, ...more },
    }
  },
  push: (facts: PushFacts = {}, total_commits = 1) =>
    forgejo.payload('push', github.push(facts), { total_commits }),
  create: (ref: string) => forgejo.payload('create', github.create(ref), { sha: SHA }),
  pullRequest: (action: string, head: Name = 'dana/lens') =>
    forgejo.payload('pull_request', github.pullRequest(action, head)),
}

export const gitlab = {
  project: (name: Name = 'dana/lens') => ({
    id: 15,
    path_with_namespace: name,
    web_url: `https://git.example.org/${name}`,
    git_ssh_url: `git@git.example.org:${name}.git`,
    git_http_url: `https://git.example.org/${name}.git`,
  }),
  payload(event: string, body: object): ForgePayload {
    const headers = {
      'x-gitlab-event': event,
      'x-gitlab-event-uuid': '13792a34-cac6-4fda-95a8-c58e00a3954e',
      'x-gitlab-instance': 'https://git.example.org',
    }
    return { forge: 'gitlab', event, headers, body: { project: gitlab.project(), ...body } }
  },
  push: (
    { ref = 'refs/heads/main', after = SHA, files = ['lens.spec'] }: PushFacts = {},
    total = 1,
  ) =>
    gitlab.payload('Push Hook', {
      object_kind: 'push',
      event_name: 'push',
      before: ZEROS,
      after,
      ref,
      checkout_sha: after === ZEROS ? null : after,
      user_username: WHO,
      commits: [{ id: after, added: [], modified: files, removed: [] }],
      total_commits_count: total,
    }),
  tag: (name: string, after = SHA) =>
    gitlab.payload('Tag Push Hook', {
      object_kind: 'tag_push',
      before: ZEROS,
      after,
      ref: `refs/tags/${name}`,
      checkout_sha: after === ZEROS ? null : after,
      user_username: WHO,
      commits: [],
      total_commits_count: 0,
    }),
  mergeRequest: (action: string, more: object = {}, source: Name = 'dana/lens') =>
    gitlab.payload('Merge Request Hook', {
      object_kind: 'merge_request',
      user: { name: 'Dana', username: WHO },
      object_attributes: {
        id: 99,
        iid: 7,
        action,
        source_branch: 'fix',
        target_branch: 'main',
        source: gitlab.project(source),
        target: gitlab.project(),
        last_commit: { id: SHA, message: 'Polish the lens' },
        ...more,
      },
    }),
}

const bitbucketRepository = (name: Name = 'dana/lens') => ({
  type: 'repository',
  full_name: name,
  links: { html: { href: `https://git.example.org/${name}` } },
})

export const bitbucket = {
  payload(event: string, body: object): ForgePayload {
    const actor = { nickname: WHO, links: { html: { href: 'https://git.example.org/dana' } } }
    const headers = {
      'x-event-key': event,
      'x-hook-uuid': '3c5e0c4f-4c5b-4c33-9a3e-9b5fd2b4bb1c',
      'x-request-uuid': 'b0d9c1b2-65a2-4b7c-8c2e-7f5c3dcb2a17',
    }
    return {
      forge: 'bitbucket',
      event,
      headers,
      body: { repository: bitbucketRepository(), actor, ...body },
    }
  },
  push: (...changes: (['branch' | 'tag', string] | null)[]) =>
    bitbucket.payload('repo:push', {
      push: {
        changes: changes.map((change) => ({
          new: change && {
            type: change[0],
            name: change[1],
            target: { type: 'commit', hash: SHA },
          },
          old: null,
        })),
      },
    }),
  pullRequest: (event: string, source: Name = 'dana/lens') =>
    bitbucket.payload(event, {
      pullrequest: {
        id: 7,
        state: 'OPEN',
        source: {
          branch: { name: 'fix' },
          commit: { hash: SHA.slice(0, 12) },
          repository: bitbucketRepository(source),
        },
        destination: { branch: { name: 'main' }, repository: bitbucketRepository() },
      },
    }),
}

/** One webhook delivery of each kind. */
export const PAYLOADS: readonly ForgePayload[] = [
  github.push(),
  github.create('lens-1.2'),
  github.pullRequest('opened', 'eve/lens'),
  gitlab.push(),
  gitlab.tag('lens-1.2'),
  gitlab.mergeRequest('open', {}, 'eve/lens'),
  bitbucket.push(['branch', 'main'], ['tag', 'lens-1.2']),
  bitbucket.pullRequest('pullrequest:created', 'eve/lens'),
  forgejo.push(),
  forgejo.create('lens-1.2'),
  forgejo.pullRequest('synchronized', 'eve/lens'),
]
