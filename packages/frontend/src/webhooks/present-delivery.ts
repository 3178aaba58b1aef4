import type { DeliveryAnswer } from '@copr/contract/api/webhooks'
import type { Delivery } from '@copr/domain/received-webhooks/deliveries'

export function presentDelivery({
  id,
  received_at,
  forge,
  event,
  delivery_key,
  remote_address,
  outcome,
  reason,
  decisions,
  replay_of,
  body_bytes,
}: Omit<Delivery, 'body' | 'headers'>): DeliveryAnswer {
  return {
    id,
    received_on: Math.floor(received_at.getTime() / 1000),
    forge,
    event,
    delivery_key,
    remote_address,
    outcome,
    reason,
    decisions,
    replay_of,
    body_bytes,
  }
}
