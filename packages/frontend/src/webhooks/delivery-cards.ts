import type { Decision, DeliveryOutcome } from '@copr/contract/api/webhooks'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Delivery } from '@copr/domain/received-webhooks/deliveries'
import { html } from 'hono/html'
import { postButton } from '../pages/forms.ts'
import { card, code, empty, facts, table, time } from '../pages/parts.ts'
import { paths } from '../pages/paths.ts'
import type { Html, View } from '../pages/view.ts'
import { whyNotReplayed } from './replay-delivery.ts'

type Listed = Omit<Delivery, 'body' | 'headers'>

/** Number of decisions shown in the list; the page of a delivery shows all of them, which may be hundreds. */
const DECISIONS_IN_LIST = 5
/** Number of characters of a body that the page shows; the API returns everything that is stored. */
const SHOWN_BODY = 20_000

const OUTCOMES: Record<DeliveryOutcome, string> = {
  processing: 'was interrupted',
  built: 'built',
  ignored: 'nothing built',
  refused: 'refused',
  failed: 'failed',
}

/** Renders the log of deliveries: what arrived, and why it did or did not start builds. */
export function deliveryLog(view: View, project: Project, deliveries: Listed[]): Html {
  if (deliveries.length === 0)
    return card(
      'Deliveries',
      empty(
        'No deliveries',
        html`Deliveries of your forge will be listed here, each with its result and the reason.`,
      ),
    )
  return card(
    'Deliveries',
    table(
      'Deliveries',
      ['Time', 'From', 'Result', 'Why', ''],
      deliveries.map((delivery) => row(view, project, delivery)),
    ),
  )
}

function row(view: View, project: Project, delivery: Listed): Html[] {
  const { id, received_at, forge, event, outcome, reason, decisions, replay_of } = delivery
  const shown = decisions.slice(0, DECISIONS_IN_LIST)
  return [
    html`<a href="${paths.delivery(project, id)}">${time(received_at)}</a>`,
    html`${forge} ${event ?? ''}
    ${replay_of === null ? '' : html`<span class="quiet">(replay of ${replay_of})</span>`}`,
    html`${OUTCOMES[outcome]}`,
    html`${reason ?? ''} ${shown.map((decision) => html`<div>${decided(project, decision)}</div>`)}
    ${decisions.length > shown.length ? html`<div>and ${decisions.length - shown.length} more</div>` : ''}`,
    replayButton(view, project, id),
  ]
}

function decided({ ownername, name }: Project, { package: pack, build_id, reason }: Decision) {
  const build =
    build_id === null
      ? ''
      : html` <a href="${paths.build({ id: build_id, ownername, projectname: name })}"
          >build ${build_id}</a
        >`
  return html`<strong>${pack}</strong>: ${reason}${build}`
}

function replayButton(view: View, project: Project, id: number): Html {
  return postButton(view, { action: paths.replayDelivery(project, id), text: 'Replay' })
}

/** Renders all stored data of a delivery. */
export function deliveryDetails(view: View, project: Project, delivery: Delivery): Html {
  const { id, received_at, forge, event, outcome, reason, decisions, replay_of } = delivery
  const { headers, body, body_bytes, remote_address, delivery_key } = delivery
  const refusal = whyNotReplayed(delivery)
  const more = Object.entries(headers).map(([name, value]): [string, string] => [name, value])
  return html`<div class="stack">
    ${card(
      `Delivery ${id}`,
      facts([
        ['Received', time(received_at)],
        ['From', `${forge}${event === null ? '' : `, ${event}`}`],
        ['Address', remote_address ?? (replay_of === null ? 'unknown' : `replay of ${replay_of}`)],
        ['ID at the forge', delivery_key ?? 'none'],
        ['Result', OUTCOMES[outcome]],
        ['Reason', reason ?? (decisions.length === 0 ? 'none' : 'see the packages below')],
      ]),
      refusal === undefined ? replayButton(view, project, id) : html``,
    )}
    ${refusal === undefined ? '' : html`<p class="help">This delivery cannot be replayed: ${refusal}.</p>`}
    ${
      decisions.length === 0
        ? ''
        : card('Packages', html`${decisions.map((each) => html`<p>${decided(project, each)}</p>`)}`)
    }
    ${more.length === 0 ? '' : card('Headers', facts(more))}
    ${
      body === null
        ? ''
        : card(
            `Body (${body_bytes} bytes)`,
            code('body', body.toString('utf8').slice(0, SHOWN_BODY)),
          )
    }
    <p><a href="${paths.integrations(project)}">All deliveries</a></p>
  </div>`
}
