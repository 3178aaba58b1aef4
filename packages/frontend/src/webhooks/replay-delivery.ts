import type { UserActor } from '@copr/domain/audit/actor'
import type { Project } from '@copr/domain/projects/project-queries'
import {
  auditReplay,
  type Delivery,
  findDelivery,
  recordDelivery,
} from '@copr/domain/received-webhooks/deliveries'
import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'
import { runDelivery } from './process-delivery.ts'

/** Returns a delivery of a project; throws `not_found` if it does not exist or is no longer stored. */
export async function requireDelivery(
  { db }: Pick<Frontend, 'db'>,
  project: Project,
  id: number,
): Promise<Delivery> {
  const found = Number.isSafeInteger(id) ? await findDelivery(db, project.id, id) : undefined
  if (found) return found
  const name = `${project.ownername}/${project.name}`
  throw new CoprError('not_found', `Delivery ${id} does not exist in ${name}, or is no longer kept`)
}

/** Returns why a delivery cannot be replayed; undefined if it can. */
export function whyNotReplayed({
  body,
  body_bytes,
}: Pick<Delivery, 'body_bytes'> & { body: Pick<Buffer, 'length'> | null }): string | undefined {
  if (body === null) return 'its sender was not verified, so its body was not kept'
  if (body.length < body_bytes)
    return `its body has ${body_bytes} bytes, of which only ${body.length} are kept; let the forge send it again`
  return undefined
}

/** Processes a recorded delivery again, with the current packages and settings; returns the id of the new record. */
export async function replayDelivery(
  frontend: Frontend,
  user: UserActor,
  project: Project,
  id: number,
): Promise<number> {
  const { db, now } = frontend
  const before = await requireDelivery(frontend, project, id)
  const refusal = whyNotReplayed(before)
  if (refusal !== undefined || before.body === null)
    throw new CoprError('invalid', `Cannot replay delivery ${id}: ${refusal}`)
  const { forge, event, delivery_key, package_name, dirname, headers, body, body_bytes } = before
  const again = { project_id: project.id, forge, event, delivery_key, package_name, dirname }
  const copy = await recordDelivery(
    db,
    { ...again, headers, body, body_bytes, remote_address: null, replay_of: id },
    now(),
  )
  await auditReplay(db, user, { project, id }, now())
  await runDelivery(frontend, copy, {
    project,
    source: forge,
    package_name: package_name ?? undefined,
    dirname: dirname ?? undefined,
    header: (name) => headers[name],
    body,
    remote_address: undefined,
    isReplay: true,
  })
  return copy
}
