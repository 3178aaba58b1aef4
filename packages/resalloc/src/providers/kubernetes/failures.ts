import { KubeError } from '@copr/kube-client/kube-api'
import { messageOf } from '@copr/process/errors'
import type { StartFailure, StartOutcome } from '../provider.ts'

const QUOTA = /exceeded quota|must specify (limits|requests)/
/** Admission errors that mean that this namespace will never allow the pod. */
const POLICY =
  /violates PodSecurity|unable to validate against any security context constraint|required-scc|admission webhook/

/** Classifies a failed start for the manager. */
export function failureOf(error: unknown): Extract<StartOutcome, { ok: false }> {
  if (!(error instanceof KubeError))
    return { ok: false, failure: 'unknown', message: messageOf(error) }
  const { code, message, retry_seconds } = error
  return {
    ok: false,
    failure: failureClass(code, message),
    message,
    ...(retry_seconds === undefined ? {} : { retry_seconds }),
  }
}

function failureClass(code: number, message: string): StartFailure {
  if (code === 403 && QUOTA.test(message)) return 'quota'
  if (code === 403 && POLICY.test(message)) return 'configuration'
  if (code === 401 || code === 403) return 'permission'
  if (code === 429) return 'throttled'
  // Conflicts, timeouts and server errors are transient; any other 4xx means an invalid request, such as a missing namespace or an invalid
  // field.
  if (code === 408 || code === 409 || code >= 500) return 'unknown'
  return 'configuration'
}
