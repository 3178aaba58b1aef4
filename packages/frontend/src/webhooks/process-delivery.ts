import type { DeliveryResult, NewDelivery } from '@copr/domain/received-webhooks/deliveries'
import { finishDelivery, recordDelivery } from '@copr/domain/received-webhooks/deliveries'
import { claimOnce, markDone, releaseClaims } from '@copr/domain/received-webhooks/seen'
import { CoprError, messageOf } from '@copr/process/errors'
import { createHash } from 'node:crypto'
import type { Frontend } from '../frontend.ts'
import { buildCustom } from './build-custom.ts'
import { buildEvent } from './build-event.ts'
import { FORGES } from './forges/forges.ts'
import { signingSecret } from './project-secret.ts'
import { eventsOf, keptBody, keptHeaders, type ReceivedDelivery } from './received-delivery.ts'
import { verifySignature } from './verify-signature.ts'

/** Maximum number of characters of a reason in the log. */
const MAX_REASON = 2000
const MAX_KEY = 200

/**
 * Verifies, records and processes a delivery; returns its id and result. Throws if the delivery is refused; such a delivery is recorded,
 * too, but without its body.
 */
export async function processDelivery(
  frontend: Frontend,
  delivery: ReceivedDelivery,
): Promise<DeliveryResult & { id: number }> {
  const { db, now } = frontend
  const { project } = delivery
  const refusal = await refusalOf(frontend, delivery)
  if (refusal.error) {
    const id = await recordDelivery(db, describe(delivery, undefined), now())
    await finishDelivery(db, id, resultOf('refused', refusal.error.message))
    throw refusal.error
  }
  try {
    const id = await recordDelivery(db, describe(delivery, keptBody(delivery)), now())
    const result = await runDelivery(frontend, id, { ...delivery, isReplay: false })
    await markDone(db, project.id, refusal.keys)
    return { ...result, id }
  } catch (error) {
    await releaseClaims(db, project.id, refusal.keys)
    throw error
  }
}

/** Processes a recorded delivery and records the outcome. */
export async function runDelivery(
  frontend: Frontend,
  id: number,
  delivery: ReceivedDelivery & { isReplay: boolean },
): Promise<DeliveryResult> {
  try {
    const result = await build(frontend, delivery)
    await finishDelivery(frontend.db, id, result)
    return result
  } catch (error) {
    const isKnown = error instanceof CoprError
    const reason = isKnown
      ? messageOf(error)
      : 'internal error: administrators can find the details in the server log'
    await finishDelivery(frontend.db, id, resultOf(isKnown ? 'refused' : 'failed', reason))
    throw error
  }
}

async function build(
  frontend: Frontend,
  delivery: ReceivedDelivery & { isReplay: boolean },
): Promise<DeliveryResult> {
  const { source, project, isReplay, package_name: named } = delivery
  if (source === 'custom') {
    const decision = await buildCustom(frontend, delivery)
    return { outcome: 'built', reason: null, decisions: [decision] }
  }
  const events = eventsOf(source, delivery)
  if (typeof events === 'string') return resultOf('ignored', events)
  const decisions = []
  for (const event of events)
    decisions.push(...(await buildEvent(frontend, event, { project, named, isReplay })))
  if (decisions.length === 0)
    return resultOf(
      'ignored',
      `no package of this project has the source SCM with the clone URL ${events[0].urls[0] ?? ''}`,
    )
  const isBuilt = decisions.some(({ build_id }) => build_id !== null)
  return { outcome: isBuilt ? 'built' : 'ignored', reason: null, decisions }
}

type Refusal = { error: CoprError } | { error?: undefined; keys: readonly string[] }

/**
 * If the project requires signatures, checks the signature and that the delivery is new; claims the keys by which a repetition is
 * recognized.
 */
async function refusalOf(frontend: Frontend, delivery: ReceivedDelivery): Promise<Refusal> {
  const { db, now } = frontend
  const { project, source, header, body } = delivery
  if (!project.webhook_signed_only) return { keys: [] }
  const secret = await signingSecret(frontend, project.id)
  if (secret === undefined)
    return refused(
      'forbidden',
      'this project requires signed deliveries, but has no signing secret',
    )
  const verified = verifySignature(source, { header, body, secret, now: now() })
  if ('refusal' in verified) return refused('forbidden', verified.refusal)
  const keys = [...verified.keys, ...deliveryKeys(delivery)]
  const claimed: string[] = []
  for (const key of keys) {
    if (await claimOnce(db, { project_id: project.id, key }, now())) {
      claimed.push(key)
      continue
    }
    await releaseClaims(db, project.id, claimed)
    return refused(
      'conflict',
      'it was received before; to build it again, replay it in the log of deliveries',
    )
  }
  return { keys }
}

/** Identifies a delivery by its ID, which is the same if the forge or an attacker sends it again. */
function deliveryKeys({ source, header }: ReceivedDelivery): string[] {
  const key = deliveryKey(source, header)
  if (key === null) return []
  return [`delivery ${source} ${createHash('sha256').update(key).digest('hex')}`]
}

function deliveryKey(
  source: ReceivedDelivery['source'],
  header: ReceivedDelivery['header'],
): string | null {
  const key = source === 'custom' ? header('webhook-id') : FORGES[source].deliveryKey(header)
  return key?.slice(0, MAX_KEY) ?? null
}

function refused(kind: 'forbidden' | 'conflict', reason: string): Refusal {
  return { error: new CoprError(kind, `Cannot accept the webhook: ${reason}`) }
}

function resultOf(outcome: DeliveryResult['outcome'], reason: string): DeliveryResult {
  return { outcome, reason: reason.slice(0, MAX_REASON), decisions: [] }
}

/** Returns the record of a delivery. Without `kept`, that is for an unverified sender, it has no body. */
function describe(
  { project, source, package_name, dirname, header, body, remote_address }: ReceivedDelivery,
  kept: ReturnType<typeof keptBody> | undefined,
): NewDelivery {
  const event = source === 'custom' ? undefined : FORGES[source].eventOf(header)
  return {
    project_id: project.id,
    forge: source,
    event: event?.slice(0, MAX_KEY) ?? null,
    delivery_key: deliveryKey(source, header),
    remote_address: remote_address ?? null,
    package_name: package_name ?? null,
    dirname: dirname ?? null,
    headers: kept?.headers ?? keptHeaders(header),
    body: kept?.body ?? null,
    body_bytes: kept?.body.length ?? body.length,
    replay_of: null,
  }
}
