import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { SignAnswer, SignRequest } from '@copr/contract/keygen-protocol'
import { CoprError } from '@copr/process/errors'
import { currentLogFields, withLogFields } from '@copr/process/log-fields'
import type { Caller } from '../callers/caller.ts'
import { signDocument } from '../openpgp-sign.ts'
import { CLOCK_TOLERANCE_SECONDS, openKey, requireKey, unixSeconds } from '../project-keys.ts'
import type { KeygenContext } from '../keygen-context.ts'
import type { RateLimit } from './rate-limit.ts'
import { logSignature } from './signature-log.ts'
import { type RedeemTicket, requireTicket, type Ticket } from './tickets.ts'

export interface Signing {
  keygen: KeygenContext
  limit: RateLimit
  redeem: RedeemTicket
}

/** Signs each digest of a request that has a valid ticket. The caller and the purpose are logged before anything is signed. */
export async function signDigests(
  { keygen, limit, redeem }: Signing,
  caller: Caller,
  request: SignRequest,
): Promise<SignAnswer> {
  const { owner, project, created_at, digests, fingerprint } = request
  const late_seconds = Math.abs(unixSeconds(keygen.now()) - created_at)
  if (late_seconds > CLOCK_TOLERANCE_SECONDS)
    throw new CoprError(
      'invalid',
      `Cannot sign: the requested time differs by ${late_seconds} seconds from keygen's clock; synchronize both clocks`,
    )
  const stored = await requireKey(keygen, owner, project)
  // The digests cover the fingerprint: signatures by another key would be invalid.
  if (stored.fingerprint !== fingerprint)
    throw new CoprError('conflict', `Cannot sign for ${owner}/${project}: its key was rotated`)
  limit.take(`${owner}/${project}`, digests.length)
  const ticket = await requireTicket(keygen.db, redeem, request)
  return await withLogFields(buildOf(ticket), async () => {
    await note(keygen, caller, request)
    const key = openKey(keygen, stored)
    const { algorithm } = stored
    const signatures: string[] = []
    for (const digest of digests) {
      const facts = { algorithm, fingerprint, created_at }
      signatures.push(signDocument(key, facts, Buffer.from(digest, 'base64')).toString('base64'))
      // A signature takes milliseconds, and a request may need a thousand, so other requests may run between two signatures.
      await setImmediate()
    }
    return { algorithm, signatures }
  })
}

function buildOf({ build_id, task_id }: Ticket): { build_id?: number; task_id?: string } {
  return build_id === null || task_id === null ? {} : { build_id, task_id }
}

async function note(keygen: KeygenContext, { name }: Caller, request: SignRequest): Promise<void> {
  const { owner, project, purpose, names = [], digests, fingerprint, ticket } = request
  const hash = await logSignature(keygen.db, {
    at: keygen.now(),
    caller: name,
    owner,
    project,
    fingerprint,
    purpose,
    names,
    digests: createHash('sha256').update(digests.join('\n')).digest(),
    count: digests.length,
    ticket,
    request_id: currentLogFields().request_id ?? null,
  })
  const who = { caller: name, owner, project, fingerprint }
  keygen.log.info({ ...who, purpose, names, count: digests.length, hash }, 'Signed')
}
