import type { TokenScope } from '@copr/contract/token-scopes'
import type { UserActor } from '@copr/domain/audit/actor'
import type { Refusal } from '@copr/domain/projects/project-access'
import type { Access } from '@copr/domain/users/token-limits'
import { CoprError } from '@copr/process/errors'
import type { Context, Hono } from 'hono'
import type { z } from 'zod'
import type { Frontend } from '../frontend.ts'
import { requireUser } from './authenticate.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/** API v3 while it is assembled: each module adds its routes and their metadata. */
export interface Api {
  frontend: Frontend
  app: Hono
  routes: ApiRoute[]
}

/** Metadata of one method of a path, used by the OpenAPI description and by the tests that cover every route. */
export interface Operation {
  /** One line that describes the operation. */
  summary: string
  /**
   * The callers that may perform the operation: `anyone`; any authenticated `user`; the user who owns the `account`; users who may `build`
   * in, `edit` or `delete` the project; or users who may `create` a project for the owner. `inProject()` and `onBuild()` check the right
   * before the handler runs.
   */
  access: Access
  /** The scope that a named token must have. */
  scope?: TokenScope
  /**
   * Additional scopes that a named token needs for this operation, because its response or side effect grants the powers of those scopes.
   */
  gives?: readonly TokenScope[]
  /** The sentence by which clients recognize that the user lacks the right. Default: the usual sentence for this right. */
  refusal?: Refusal
  query?: z.ZodType
  body?: z.ZodType
  /** The part of a multipart body that holds a file. */
  file?: string
  answer: z.ZodType
}

export interface ApiRoute extends Operation {
  method: Method
  /** The path in Hono's notation: `/build/:build_id{[0-9]+}`. */
  path: string
  /** The method to use instead; set only if this method is a deprecated alias. */
  deprecated_for?: Method | undefined
}

type Answer = Response | Promise<Response>
export interface Handled extends Operation {
  run: (c: Context, frontend: Frontend) => Answer
  /**
   * Whether the operation finds the project, and checks the token's limits and the user's right in that project, before the handler runs.
   */
  isInProject: boolean
}

/** An operation that needs credentials. */
export type Protected = Operation & {
  access: Exclude<Access, 'anyone'>
  scope: TokenScope
}

/** An authenticated request. If it was authenticated by a token, the token has the required scope. */
export interface UserRequest {
  c: Context
  frontend: Frontend
  user: UserActor
  /** Resources that are released after the handler has returned the response. */
  cleanup: AsyncDisposableStack
}

/** Declares an operation that needs no credentials. */
export function open(
  operation: Omit<Operation, 'access' | 'scope'>,
  handler: (c: Context) => Answer,
): Handled {
  return { ...operation, access: 'anyone', isInProject: false, run: (c) => handler(c) }
}

/** Declares an operation that needs credentials and either names no project or names it only in a form that the handler parses. */
export function protectedBy(
  operation: Protected,
  handler: (c: Context, user: UserActor) => Answer,
): Handled {
  const run = runFor(operation, ({ c, user }) => handler(c, user))
  return { ...operation, isInProject: false, run }
}

/** Declares an operation in a project. `authorize` finds the project, throws unless the user has the right, and returns what it found. */
export function authorizedBy<Found extends object>(
  operation: Protected,
  authorize: (request: UserRequest) => Promise<Found>,
  handler: (c: Context, found: Found & { user: UserActor }) => Answer,
): Handled {
  const run = runFor(operation, async (request) => {
    const { c, user } = request
    return await handler(c, { ...(await authorize(request)), user })
  })
  return { ...operation, isInProject: true, run }
}

function runFor(operation: Protected, respond: (request: UserRequest) => Answer): Handled['run'] {
  return async (c, frontend) => {
    const user = await requireUser(c, frontend, operation)
    await using cleanup = new AsyncDisposableStack()
    return await respond({ c, frontend, user, cleanup })
  }
}

/** The path parameters that identify a project, or a build and thereby its project. */
const IN_PROJECT = /:(projectname|build_id)\b/

/**
 * Registers the handlers of a path by method. `deprecated` maps each old method to its replacement, whose handler serves both; responses to
 * old methods have a `Warning` header. All methods that are not registered get a 405.
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
    const { run, isInProject, ...operation } = handled
    if (operation.access !== 'anyone' && !isInProject && IN_PROJECT.test(path))
      throw new Error(`${method} ${path} names a project: declare it with inProject() or onBuild()`)
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

/** Returns a path parameter; throws if the pattern of the route does not have it. */
export function pathPart(c: Context, name: string): string {
  const value = c.req.param(name)
  if (value === undefined) throw new Error(`The route of ${c.req.path} has no parameter ${name}`)
  return value
}

export function requiredQuery(c: Context, name: string): string {
  const value = c.req.query(name)
  if (value === undefined || value === '')
    throw new CoprError('invalid', `Missing argument ${name}`)
  return value
}

/** Reads a boolean query parameter; python-copr sends Python's `True`. */
export function queryFlag(c: Context, name: string): boolean {
  return ['True', 'true', '1'].includes(c.req.query(name) ?? '')
}
