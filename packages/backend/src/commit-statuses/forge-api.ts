import type { CommitState, StatusForge } from '@copr/contract/api/webhooks'
import { withoutSlashes } from '@copr/contract/without-slashes'

/** A commit status, in the terms of GitHub's API. */
export interface CommitStatus {
  /** The path of the repository on the forge. */
  repository: string
  commit: string
  state: CommitState
  context: string
  description: string
  target_url: string
}

export interface ForgeRequest {
  url: string
  headers: Record<string, string>
  body: string
}

interface Forge {
  /** The URL of the forge; `api_url` is the base URL of its API, or null for the usual one. */
  url: string
  forge: StatusForge
  api_url: string | null
}

const segments = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

/** GitLab has names of its own for the states of a commit. */
const GITLAB_STATES: Record<CommitState, string> = {
  pending: 'pending',
  success: 'success',
  failure: 'failed',
  error: 'canceled',
}

/** Returns the request that sets a status. */
export function statusRequest(forge: Forge, token: string, status: CommitStatus): ForgeRequest {
  const api = withoutSlashes(forge.api_url ?? usualApi(forge))
  const { repository, commit, state, context, description, target_url } = status
  const body = JSON.stringify({ state, context, description, target_url })
  switch (forge.forge) {
    case 'github':
      return {
        url: `${api}/repos/${segments(repository)}/statuses/${commit}`,
        headers: headersWith({
          authorization: `Bearer ${token}`,
          accept: 'application/vnd.github+json',
          'x-github-api-version': '2022-11-28',
        }),
        body,
      }
    case 'forgejo':
      return {
        url: `${api}/repos/${segments(repository)}/statuses/${commit}`,
        headers: headersWith({ authorization: `token ${token}` }),
        body,
      }
    case 'gitlab':
      return {
        url: `${api}/projects/${encodeURIComponent(repository)}/statuses/${commit}`,
        headers: headersWith({ 'private-token': token }),
        body: JSON.stringify({
          state: GITLAB_STATES[state],
          name: context,
          description,
          target_url,
        }),
      }
  }
}

function headersWith(more: Record<string, string>): Record<string, string> {
  return { 'content-type': 'application/json', accept: 'application/json', ...more }
}

/** Returns the base URL of the API in the default installation of a forge. */
function usualApi({ url, forge }: Forge): string {
  const base = withoutSlashes(url)
  switch (forge) {
    case 'github':
      return new URL(url).hostname === 'github.com' ? 'https://api.github.com' : `${base}/api/v3`
    case 'gitlab':
      return `${base}/api/v4`
    case 'forgejo':
      return `${base}/api/v1`
  }
}
