import { ErrorAnswer } from '@copr/contract/api/lists'
import { z } from 'zod'
import type { ApiRoute } from '../http/answer.ts'
import { operationId, pathParameters, tagOf, urlPath } from './route-names.ts'

type Json = Record<string, unknown>

interface Site {
  public_url: string
  site_name: string
  version: string
}

/** Generates the OpenAPI 3.1 description of the routes from the schemas that validate requests. */
export function describeApi(routes: ApiRoute[], { public_url, site_name, version }: Site): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = urlPath(route.path)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: `${site_name} API`, version },
    servers: [{ url: `${public_url}/api_3` }],
    tags: [...new Set(routes.map(({ path }) => tagOf(path)))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'basic',
          description: `Login and token from ${public_url}/api/`,
        },
        session: { type: 'apiKey', in: 'cookie', name: 'session' },
      },
      schemas: { Error: answerSchema(ErrorAnswer) },
    },
  }
}

function describeRoute(route: ApiRoute): Json {
  const isOpen = route.access === 'anyone'
  const body = route.body && formSchema(route.body)
  return {
    operationId: operationId(route),
    tags: [tagOf(route.path)],
    summary: route.summary,
    ...(route.deprecated_for
      ? { deprecated: true, description: `Use ${route.deprecated_for} instead.` }
      : {}),
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(body || route.file ? { requestBody: { content: contentOf(body ?? {}, route.file) } } : {}),
    responses: {
      200: {
        description: 'Success',
        content: { 'application/json': { schema: answerSchema(route.answer) } },
      },
      default: {
        description: 'The request was refused or failed',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
    security: isOpen ? [] : [{ token: [] }, { session: [] }],
    'x-copr-access': route.access,
    ...(route.scope ? { 'x-copr-scope': [route.scope, ...(route.gives ?? [])].join(' ') } : {}),
  }
}

/** The encodings of a request body: JSON or a URL-encoded form. If the request contains a file, it must be multipart. */
function contentOf(schema: Json, file: string | undefined): Json {
  if (file === undefined)
    return {
      'application/json': { schema },
      'application/x-www-form-urlencoded': { schema },
    }
  const binary = { type: 'string', contentMediaType: 'application/octet-stream' }
  const properties = { json: schema, [file]: binary }
  return { 'multipart/form-data': { schema: { type: 'object', properties } } }
}

function queryParameters(query: z.ZodType | undefined): Json[] {
  if (!query) return []
  const schema = formSchema(query)
  const required = (schema['required'] ?? []) as string[]
  return Object.entries((schema['properties'] ?? {}) as Record<string, Json>).map(
    ([name, property]) => ({
      name,
      in: 'query',
      required: required.includes(name),
      schema: property,
    }),
  )
}

/**
 * Returns the JSON Schema of the accepted input. Form fields accept input of any type and convert it, so the types in the schema are those
 * in the fields' `meta`.
 */
export function formSchema(schema: z.ZodType): Json {
  return withoutDialect(
    z.toJSONSchema(schema, {
      io: 'input',
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        const { def } = zodSchema._zod
        // A `Line` that is restricted to an enum.
        if (def.type === 'pipe' && 'out' in def && def.out instanceof z.ZodEnum)
          jsonSchema.enum = def.out.options as string[]
      },
    }),
  )
}

function answerSchema(schema: z.ZodType): Json {
  return withoutDialect(z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }))
}

function withoutDialect({ $schema: _, ...schema }: Json): Json {
  return schema
}
