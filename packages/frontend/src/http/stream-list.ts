import type { Meta } from '@copr/contract/api/lists'
import type { Logger } from '@copr/process/log'
import type { Context } from 'hono'

/**
 * Streams `{"items": […], "meta": …}` while the items are read, at the pace of the client, so that memory does not grow with the list. An
 * error before the first items gets an ordinary error response; a later error aborts the response.
 */
export async function streamList<Item>(
  c: Context,
  list: { parts: AsyncGenerator<Item[]>; meta: Meta; log: Logger },
): Promise<Response> {
  const { parts, meta, log } = list
  const first = await parts.next()
  if (first.done) return c.json({ items: [], meta })
  const encoder = new TextEncoder()
  const written = (items: Item[], before: string): Uint8Array<ArrayBuffer> =>
    encoder.encode(
      items.map((item, index) => (index === 0 ? before : ',') + JSON.stringify(item)).join(''),
    )
  let before = ','
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode('{"items":['))
      controller.enqueue(written(first.value, ''))
      if (first.value.length === 0) before = ''
    },
    async pull(controller) {
      try {
        const next = await parts.next()
        if (next.done) {
          controller.enqueue(encoder.encode(`],"meta":${JSON.stringify(meta)}}`))
          controller.close()
          return
        }
        controller.enqueue(written(next.value, before))
        if (next.value.length > 0) before = ','
      } catch (err) {
        log.error({ err, path: c.req.path }, 'Cannot complete the list; aborted the response')
        controller.error(err)
      }
    },
    async cancel() {
      await parts.return(undefined)
    },
  })
  return c.body(body, 200, { 'Content-Type': 'application/json' })
}

/** Applies `show` to each chunk of a list. */
export async function* mapParts<Item, Shown>(
  parts: AsyncIterable<Item[]>,
  show: (items: Item[]) => Shown[] | Promise<Shown[]>,
): AsyncGenerator<Shown[]> {
  for await (const part of parts) yield await show(part)
}
