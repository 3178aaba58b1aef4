import { ApiException } from '@kubernetes/client-node'
import { messageOf } from '@copr/process/errors'
import type { StartFailure, StartOutcome } from '../provider.ts'

const QUOTA = /exceeded quota|must specify (limits|requests)/
/** Admission errors for pods that this namespace never allows. */
const POLICY =
  /violates PodSecurity|unable to validate against any security context constraint|required-scc|admission webhook/

/** Returns the API server's status code and message; undefined for any other error. */
function statusOf(error: unknown): { code: number; message: string } | undefined {
  if (!(error instanceof ApiException)) return undefined
  return { code: error.code, message: messageIn(error.body) ?? error.message }
}

export function isStatus(error: unknown, code: number): boolean {
  return statusOf(error)?.code === code
}

/** Classifies a failed start for the manager. */
export function failureOf(error: unknown): Extract<StartOutcome, { ok: false }> {
  const status = statusOf(error)
  if (!status) return { ok: false, failure: 'unknown', message: messageOf(error) }
  const { code, message } = status
  const retry = Number(headerOf(error, 'retry-after'))
  return {
    ok: false,
    failure: failureClass(code, message),
    message,
    ...(retry > 0 ? { retry_seconds: retry } : {}),
  }
}

function failureClass(code: number, message: string): StartFailure {
  if (code === 403 && QUOTA.test(message)) return 'quota'
  if (code === 403 && POLICY.test(message)) return 'configuration'
  if (code === 401 || code === 403) return 'permission'
  if (code === 429) return 'throttled'
  // Conflicts and timeouts are transient; any other 4xx means an invalid request, such as a missing namespace or an invalid field.
  if (code === 408 || code === 409 || code >= 500) return 'unknown'
  return 'configuration'
}

function headerOf(error: unknown, name: string): string | undefined {
  return error instanceof ApiException ? error.headers[name] : undefined
}

/** Returns the message of a Status object, parsed or as JSON; other non-empty text is returned as it is. */
function messageIn(body: unknown): string | undefined {
  if (typeof body === 'string') {
    try {
      return messageIn(JSON.parse(body))
    } catch {
      return body === '' ? undefined : body
    }
  }
  if (typeof body !== 'object' || body === null || !('message' in body)) return undefined
  return typeof body.message === 'string' ? body.message : undefined
}
