import { ListQuery } from '@copr/contract/api/lists'
import { DeliveriesAnswer, DeliveryAnswer, OneDeliveryAnswer } from '@copr/contract/api/webhooks'
import { listDeliveries } from '@copr/domain/received-webhooks/deliveries'
import { type Api, answer, pathPart } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'
import { hasOrder, metaOf, readPage } from '../http/paging.ts'
import { presentDelivery } from './present-delivery.ts'
import { replayDelivery, requireDelivery } from './replay-delivery.ts'

/** Adds the routes for the log of a project's webhook deliveries, which Copr's API does not have. */
export function deliveryRoutes(api: Api): void {
  const { frontend } = api
  const { db } = frontend

  answer(api, '/webhook/deliveries/:ownername/:projectname', {
    GET: inProject(
      {
        summary: 'The webhook deliveries that the project has received, with a reason for each',
        access: 'edit',
        scope: 'read',
        query: ListQuery,
        answer: DeliveriesAnswer,
      },
      async (c, { project }) => {
        // As in the list of builds, newest first unless the client requests an order.
        const page = { ...readPage(c, ['id']), ...(hasOrder(c) ? {} : { descending: true }) }
        const limit = Math.min(page.limit ?? 100, 1000)
        const found = await listDeliveries(db, project.id, { ...page, limit })
        return c.json({ items: found.map(presentDelivery), meta: metaOf({ ...page, limit }) })
      },
    ),
  })

  answer(api, '/webhook/delivery/:ownername/:projectname/:delivery_id{[0-9]+}', {
    GET: inProject(
      {
        summary: 'One webhook delivery, with its headers and its body',
        access: 'edit',
        scope: 'read',
        answer: OneDeliveryAnswer,
      },
      async (c, { project }) => {
        const found = await requireDelivery(frontend, project, Number(pathPart(c, 'delivery_id')))
        const { headers, body, body_bytes } = found
        return c.json({
          ...presentDelivery(found),
          headers,
          body: body && body.toString('utf8'),
          is_truncated: (body?.length ?? 0) < body_bytes,
        })
      },
    ),
  })

  answer(api, '/webhook/replay/:ownername/:projectname/:delivery_id{[0-9]+}', {
    POST: inProject(
      {
        summary: 'Process a webhook delivery again',
        access: 'edit',
        scope: 'build',
        answer: DeliveryAnswer,
      },
      async (c, { user, project }) => {
        const id = Number(pathPart(c, 'delivery_id'))
        const copy = await replayDelivery(frontend, user, project, id)
        return c.json(presentDelivery(await requireDelivery(frontend, project, copy)))
      },
    ),
  })
}
