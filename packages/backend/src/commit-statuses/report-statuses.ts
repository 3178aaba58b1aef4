import { allowsPrivateUrls } from '@copr/contract/configuration'
import type { CommitState } from '@copr/contract/api/webhooks'
import { noteSecretUse, secretName } from '@copr/domain/secrets/project-secrets'
import {
  type DueSecret,
  type DueStatus,
  giveUpStatus,
  retryStatus,
  statusReported,
  takeDueStatuses,
} from '@copr/domain/received-webhooks/commit-statuses'
import { messageOf } from '@copr/process/errors'
import { addressRules } from '@copr/process/guarded/address-rules'
import { guardedPost } from '@copr/process/guarded/guarded-fetch'
import { UrlError } from '@copr/process/guarded/guarded-lookup'
import type { Backend } from '../context.ts'
import { statusRequest } from './forge-api.ts'

type Reporter = Pick<Backend, 'db' | 'config' | 'keygen' | 'log' | 'now'>

/** Number of commit statuses that are reported at the same time, so that one slow forge does not delay the others for long. */
const AT_A_TIME = 8
const TIMEOUT_SECONDS = 20
/**
 * After this many attempts, the backend gives up reporting a status. They take about two days, because the delay doubles from
 * FIRST_WAIT_SECONDS up to MAX_WAIT_SECONDS.
 */
const MAX_ATTEMPTS = 55
const FIRST_WAIT_SECONDS = 10
const MAX_WAIT_SECONDS = 3600
/** Maximum characters of a forge's response that are logged. */
const SHOWN = 300

/** The HTTP status codes of a forge's responses that mean that the same request will never succeed. */
const PERMANENT = new Set([400, 401, 403, 404, 405, 410, 422])

const DESCRIPTIONS: Record<CommitState, string> = {
  pending: 'The build has been submitted',
  success: 'The build has succeeded',
  failure: 'The build has failed',
  error: 'The build was canceled',
}

/**
 * Reports the statuses of builds to the forges of their commits, and retries each until the forge accepts it or a retry is pointless. It
 * may run in several processes; after a crash, a status may be reported twice, which does no harm.
 */
export async function reportStatuses(reporter: Reporter, stop: AbortSignal): Promise<void> {
  const { db, now } = reporter
  for (;;) {
    const due = await takeDueStatuses(db, now(), AT_A_TIME)
    await Promise.all(due.map((status) => report(reporter, status, stop)))
    if (due.length < AT_A_TIME || stop.aborted) return
  }
}

async function report(reporter: Reporter, status: DueStatus, stop: AbortSignal): Promise<void> {
  const { db, log, now } = reporter
  const { build_id, secret, wanted, attempts } = status
  if (!secret) return await giveUp(reporter, status, 'the token of the forge was deleted')
  const failure = await send(reporter, status, secret, stop)
  if (stop.aborted) return
  if (failure === undefined) {
    await statusReported(db, status, now())
    await noteSecretUse(db, secret.id, null)
    log.info({ build_id, state: wanted, forge: secret.url }, 'Commit status reported')
    return
  }
  await noteSecretUse(db, secret.id, `${now().toISOString()} build ${build_id}: ${failure.reason}`)
  if (failure.isPermanent || attempts >= MAX_ATTEMPTS)
    return await giveUp(reporter, status, failure.reason)
  const seconds = Math.min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** Math.min(attempts - 1, 20))
  await retryStatus(db, build_id, new Date(now().getTime() + seconds * 1000))
  log.warn({ build_id, reason: failure.reason, seconds }, 'Cannot report a commit status: retrying')
}

async function giveUp({ db, log }: Reporter, status: DueStatus, reason: string): Promise<void> {
  const { build_id, ownername, projectname } = status
  await giveUpStatus(db, build_id, reason)
  const project = `${ownername}/${projectname}`
  log.warn({ build_id, project, reason }, 'Cannot report a commit status: given up')
}

interface Failure {
  /** Contains no secret. */
  reason: string
  isPermanent: boolean
}

/** Sends a status; returns undefined on success. */
async function send(
  { config, keygen }: Reporter,
  status: DueStatus,
  secret: DueSecret,
  stop: AbortSignal,
): Promise<Failure | undefined> {
  const { build_id, repository, commit, context, wanted } = status
  try {
    const token = await keygen.open({ ...secretName(secret), sealed: secret.sealed })
    const request = statusRequest(secret, token, {
      repository,
      commit,
      state: wanted,
      context,
      description: DESCRIPTIONS[wanted],
      target_url: `${config.public_url}/coprs/build/${build_id}/`,
    })
    const time = AbortSignal.timeout(TIMEOUT_SECONDS * 1000)
    const response = await guardedPost(request.url, {
      headers: request.headers,
      body: request.body,
      rules: addressRules(allowsPrivateUrls(config)),
      signal: AbortSignal.any([stop, time]),
      connect_seconds: TIMEOUT_SECONDS,
    })
    if (response.ok) {
      await response.body?.cancel()
      return undefined
    }
    const said = withoutSecret(await beginningOf(response), token)
    // GitLab refuses a state that the commit already has.
    if (response.status === 400 && said.includes('Cannot transition status')) return undefined
    const reason = `the forge returned ${response.status} for ${repository} at ${commit.slice(0, 12)}: ${said}`
    return { reason, isPermanent: PERMANENT.has(response.status) || response.status < 400 }
  } catch (error) {
    return {
      reason: messageOf(error).slice(0, SHOWN),
      isPermanent: error instanceof UrlError && isForbidden(error),
    }
  }
}

/** Whether the address of the forge is not allowed, in which case a retry is pointless. */
function isForbidden({ message }: UrlError): boolean {
  return message.includes('not allowed')
}

/** Reads the beginning of a response, collapsed to one line, and ignores the rest. */
async function beginningOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= SHOWN * 4) break
  }
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
  return text.slice(0, SHOWN)
}

/** Hides the token, because a forge may quote it. */
function withoutSecret(text: string, token: string): string {
  return text.replaceAll(token, '***')
}
