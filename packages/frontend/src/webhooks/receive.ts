import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
import { clientAddress } from '../http/client-address.ts'
import { MAX_WEBHOOK_BYTES, readBody } from '../http/read-form.ts'
import type { ReceivedDelivery } from './received-delivery.ts'

/** Reads a delivery whose URL has already been checked; throws 413 if the body is too large. */
export async function receive(
  c: Context,
  frontend: Frontend,
  at: Pick<ReceivedDelivery, 'project' | 'source' | 'package_name' | 'dirname'>,
): Promise<ReceivedDelivery> {
  return {
    ...at,
    header: (name) => c.req.header(name),
    body: await readBody(c.req.raw, MAX_WEBHOOK_BYTES),
    remote_address: clientAddress(c, frontend),
  }
}
