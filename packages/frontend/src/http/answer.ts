import { CoprError } from '@copr/process/errors'
import type { Context, Handler, Hono } from 'hono'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const
type Method = (typeof METHODS)[number]

/**
 * Answers a path by method. `deprecated` methods behave as the one they name, and say so in a header;
 * all others are 405.
 */
export function answer(
  app: Hono,
  path: string,
  handlers: Partial<Record<Method, Handler>>,
  deprecated: Partial<Record<Method, Method>> = {},
): void {
  for (const method of METHODS) {
    const good = deprecated[method] ?? method
    const handler = handlers[good]
    if (!handler) continue
    app.on(method, path, async (c, next) => {
      if (good !== method)
        c.header('Warning', `This method is deprecated: Use ${good} method instead of ${method}`)
      return await handler(c, next)
    })
  }
  app.all(path, (c) => {
    c.header('Allow', Object.keys({ ...handlers, ...deprecated }).join(', '))
    return c.json({ error: `Method ${c.req.method} is not allowed for ${c.req.path}` }, 405)
  })
}

/** A part of the path that the route's pattern names. */
export function pathPart(c: Context, name: string): string {
  const value = c.req.param(name)
  if (value === undefined) throw new Error(`The route of ${c.req.path} has no ${name}`)
  return value
}

export function requiredQuery(c: Context, name: string): string {
  const value = c.req.query(name)
  if (value === undefined || value === '')
    throw new CoprError('invalid', `Missing argument ${name} in the query`)
  return value
}

/** python-copr writes booleans as Python does. */
export function queryFlag(c: Context, name: string): boolean {
  return ['True', 'true', '1'].includes(c.req.query(name) ?? '')
}
