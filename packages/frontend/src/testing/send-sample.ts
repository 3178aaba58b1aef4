import { urlPath } from '../api-description/route-names.ts'
import type { ApiRoute } from '../http/answer.ts'
import { SAMPLES, type SampleRequest, usualPath } from './sample-requests.ts'
import type { LimitedToken, Role, Fixture } from './fixture.ts'

/** Returns the sample of a route; a deprecated method has the sample of the method that replaces it. */
export async function sampleOf(route: ApiRoute, fixture: Fixture): Promise<SampleRequest> {
  const key = `${route.deprecated_for ?? route.method} ${urlPath(route.path)}`
  const sample = SAMPLES[key]
  if (!sample) throw new Error(`${key} has no sample request: add one to sample-requests.ts`)
  return await sample(fixture)
}

/** Sends the sample request of a route, modified by `change`. */
export async function sendSample(
  route: ApiRoute,
  fixture: Fixture,
  who: Role | LimitedToken,
  change: (sample: SampleRequest) => SampleRequest = (sample) => sample,
): Promise<Response> {
  const { path, query, json, form } = change(await sampleOf(route, fixture))
  const parts = { ...usualPath(fixture), ...path }
  const url = urlPath(route.path).replaceAll(/\{([a-z_]+)\}/g, (_, name: string) =>
    encodeURIComponent(parts[name] ?? 'missing'),
  )
  const search = new URLSearchParams(query)
  const headers = new Headers(fixture.as(who))
  if (json !== undefined) headers.set('content-type', 'application/json')
  const body = json === undefined ? form : JSON.stringify(json)
  return await fixture.t.app.request(`/api_3${url}?${search.toString()}`, {
    method: route.method,
    headers,
    ...(body === undefined ? {} : { body }),
  })
}
