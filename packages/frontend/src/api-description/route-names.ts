import type { ApiRoute } from '../http/answer.ts'

/** Converts a path of a Hono route to OpenAPI's notation: `/build/{build_id}`. */
export function urlPath(path: string): string {
  return path.replaceAll(/:([a-z_]+)(\{[^}]*\})?/g, '{$1}')
}

/** The OpenAPI tag of a route: the first segment of its path, such as `build`. */
export function tagOf(path: string): string {
  const first = path.split('/')[1] ?? ''
  return ['', 'auth-check', 'api-token', 'gssapi_login', 'openapi.json', 'swagger.json'].includes(
    first,
  )
    ? 'general'
    : first
}

export function operationId({ method, path }: Pick<ApiRoute, 'method' | 'path'>): string {
  const words = path
    .replaceAll(/\{[^}]*\}/g, '')
    .split(/[/-]/)
    .filter((word) => word !== '')
    .map((word) => (word.startsWith(':') ? `by_${word.slice(1)}` : word))
  return [method.toLowerCase(), ...words].join('_').replaceAll('.', '_')
}

interface Parameter {
  [key: string]: unknown
  name: string
}

export function pathParameters(path: string): Parameter[] {
  return [...path.matchAll(/:([a-z_]+)(\{\[0-9\]\+\})?/g)].map(([, name = '', digits]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: digits === undefined ? 'string' : 'integer' },
  }))
}
