import type { Meta } from '@copr/contract/api/lists'
import type { Page } from '@copr/domain/database/paging'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'

/** Parses the query parameters that select a page of a list; `orders` are the columns by which the list can be ordered. */
export function readPage<Column extends string>(
  c: Context,
  orders: readonly Column[],
): Page<Column> {
  const limit = wholeQuery(c, 'limit')
  const asked = c.req.query('order') || 'id'
  const order = orders.find((each) => each === asked)
  if (!order)
    throw new CoprError(
      'invalid',
      `Cannot order by ${asked}: the list doesn't have such property; possible: ${orders.join(', ')}`,
    )
  return {
    ...(limit > 0 ? { limit } : {}),
    offset: wholeQuery(c, 'offset'),
    order,
    descending: orderType(c) === 'DESC',
  }
}

/** Whether the client requested an order column or a direction. */
export function hasOrder(c: Context): boolean {
  return (c.req.query('order') ?? '') !== '' || (c.req.query('order_type') ?? '') !== ''
}

export function metaOf({ limit, offset, order, descending }: Page): Meta {
  return { limit: limit ?? null, offset, order, order_type: descending ? 'DESC' : 'ASC' }
}

function orderType(c: Context): 'ASC' | 'DESC' {
  const asked = (c.req.query('order_type') || 'ASC').toUpperCase()
  if (asked !== 'ASC' && asked !== 'DESC')
    throw new CoprError('invalid', 'order_type: must be ASC or DESC')
  return asked
}

function wholeQuery(c: Context, name: string): number {
  const text = c.req.query(name) || '0'
  if (!/^\d{1,15}$/.test(text)) throw new CoprError('invalid', `${name}: must be a whole number`)
  return Number(text)
}
