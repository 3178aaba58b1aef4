import type { TokenScope } from '@copr/contract/token-scopes'
import { findProject } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { type Access, requireOfToken } from '@copr/domain/users/token-limits'
import { CoprError } from '@copr/process/errors'
import type { Context, Hono } from 'hono'
import type { z } from 'zod'
import type { Frontend } from '../frontend.ts'
import { requireUser } from './authenticate.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/** API v3 while it is put together: each part adds its routes, and what is known of them. */
export interface Api {
  frontend: Frontend
  app: Hono
  routes: ApiRoute[]
}

/** Metadata of one method of a path, used by the OpenAPI description and by the tests that cover every route. */
export interface Operation {
  /** One line. */
  summary: string
  /**
   * The callers it admits: `anyone`, a `user` who is logged in, the same for the own `account`, or one who may `build`
   * in, `edit` or `delete` the project, or `create` one for the owner. The handler asks for a right in the project itself.
   */
  access: Access
  /** The scope that a named token needs. */
  scope?: TokenScope
  /** Further scopes that it needs, because the answer or its effect is worth them. */
  gives?: readonly TokenScope[]
  query?: z.ZodType
  body?: z.ZodType
  /** The part of a multipart body that holds a file. */
  file?: string
  answer: z.ZodType
}

export interface ApiRoute extends Operation {
  method: Method
  /** As Hono writes it: `/build/:build_id{[0-9]+}`. */
  path: string
  /** Set when the method is an old way to say this one. */
  deprecated_for?: Method | undefined
}

type Answer = Response | Promise<Response>
interface Handled extends Operation {
  run: (c: Context, frontend: Frontend) => Answer
}

/** Declares an operation that needs no credentials. */
export function open(
  operation: Omit<Operation, 'access' | 'scope'>,
  handler: (c: Context) => Answer,
): Handled {
  return { ...operation, access: 'anyone', run: (c) => handler(c) }
}

/** An operation that needs credentials. Checks the token's limits; the handler checks the right in a project. */
export function protectedBy(
  operation: Operation & { access: Exclude<Operation['access'], 'anyone'>; scope: TokenScope },
  handler: (c: Context, user: UserActor) => Answer,
): Handled {
  return {
    ...operation,
    run: async (c, frontend) => {
      const user = await requireUser(c, frontend, operation)
      await requireProjectOfToken(c, frontend, user)
      return await handler(c, user)
    },
  }
}

/** A token for one project is none for another that the path names, whatever the handler does there. */
async function requireProjectOfToken(c: Context, { db }: Frontend, user: UserActor): Promise<void> {
  const { ownername, projectname } = c.req.param() as Record<string, string | undefined>
  if (!user.limits?.project_id || ownername === undefined || projectname === undefined) return
  const project = await findProject(db, ownername, projectname)
  if (project) requireOfToken(user, { access: 'user', project_id: project.id })
}

/**
 * Answers a path by method. `deprecated` methods behave as the one they name, and say so in a header;
 * all others are 405.
 */
export function answer(
  { app, frontend, routes }: Api,
  path: string,
  handlers: Partial<Record<Method, Handled>>,
  deprecated: Partial<Record<Method, Method>> = {},
): void {
  for (const method of METHODS) {
    const good = deprecated[method] ?? method
    const handled = handlers[good]
    if (!handled) continue
    const { run, ...operation } = handled
    routes.push({
      ...operation,
      method,
      path,
      deprecated_for: good === method ? undefined : good,
    })
    app.on(method, path, async (c) => {
      if (good !== method)
        c.header('Warning', `This method is deprecated: Use ${good} method instead of ${method}`)
      return await run(c, frontend)
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
