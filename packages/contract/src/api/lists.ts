import { z } from 'zod'

/** Paging and sorting parameters of a list. */
export const ListQuery = z.object({
  limit: z.string().optional(),
  offset: z.string().optional(),
  order: z.string().optional(),
  order_type: z.enum(['ASC', 'DESC']).optional(),
})

const integer = z.number().int()

/** The paging and sorting parameters in effect; all are null if the list is not paged. */
export const Meta = z.strictObject({
  limit: integer.nullable(),
  offset: integer.nullable(),
  order: z.string().nullable(),
  order_type: z.enum(['ASC', 'DESC']).nullable(),
})
export type Meta = z.infer<typeof Meta>

export function listOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ items: z.array(item), meta: Meta })
}

export const ErrorAnswer = z.strictObject({ error: z.string().min(1) })
