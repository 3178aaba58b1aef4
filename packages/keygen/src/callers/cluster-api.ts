import type { KeygenServiceAccounts } from '@copr/contract/configuration/keygen-config'
import { CoprError } from '@copr/process/errors'
import { httpsClient } from '@copr/process/https-client'
import { lastGoodFile } from '@copr/process/replaced-file'

const TIMEOUT_MS = 10_000

export interface ClusterAnswer {
  status: number
  body: unknown
}

/** Sends a request to the API server: a POST if there is a body, otherwise a GET. */
export type AskCluster = (path: string, body?: unknown) => Promise<ClusterAnswer>

/** Creates a client of the API server. It authenticates with the token of keygen's own service account, which it reads for each request. */
export function clusterApi(config: KeygenServiceAccounts): AskCluster {
  const send = httpsClient({ ca_file: config.api_ca_file })
  const readToken = lastGoodFile(config.api_token_file)
  return async (path, body) => {
    try {
      const token = await readToken()
      const answer = await send(`${config.api_url}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return { status: answer.status, body: JSON.parse(answer.body) }
    } catch (cause) {
      throw new CoprError('unavailable', 'Cannot check the token: the API server is unreachable', {
        cause,
      })
    }
  }
}
