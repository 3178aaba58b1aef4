import type { Sample, Samples, Visitor, Visitors } from './samples.ts'

export interface Case {
  name: string
  /** The route in Hono's notation. */
  route: string
  /** Returns the path of request number `index`, so that requests can differ. */
  path: (index: number) => string
  as?: Visitor
  /** The expected status; any other fails the measurement. */
  status: number
}

const ONE_ROW = 'one row by its primary key'
const KEPT_LOG = 'the newest deliveries of one webhook, by an index'
/** Routes that are not measured, and why. The bench fails for any other route whose parameters it cannot fill in. */
const NOT_MEASURED: Record<string, string> = {
  '/static/:version/assets/fonts/:family/:file{[A-Za-z0-9-]+\\.woff2}':
    'a file, without the database',
  '/static/:version/:file': 'a file, without the database',
  '/tmp/:dir/:file': 'a file that a builder fetches',
  '/oidc_login': 'waits for the identity provider',
  '/oidc_auth': 'waits for the identity provider',
  '/recent/all': 'a redirect, without the database',
  '/recent/my': 'a redirect to the page of the user',
  '/explore': 'a redirect, without the database',
  '/status/pending/all': 'a redirect, without the database',
  '/status/batches': 'a redirect, without the database',
  '/status/stats': 'a redirect, without the database',
  '/groups/g/:group/coprs': 'a redirect, without the database',
  '/groups/g/:group/coprs/:page{[0-9]+}': 'a redirect, without the database',
  '/coprs/fulltext/:page{[0-9]+}': 'a redirect, without the database',
  '/coprs/:owner{[0-9]+}': 'a redirect, unless a user has this name',
  '/coprs/:owner/:page{[0-9]+}': 'a redirect, without the database',
  '/api_3/chain/:chain_id{[0-9]+}': 'as many rows as the chain has builds, at most 300',
  '/api_3/webhook/delivery/:ownername/:projectname/:delivery_id{[0-9]+}': ONE_ROW,
  '/coprs/g/:group/:project/integrations/deliveries/:delivery_id{[0-9]{1,15}}': ONE_ROW,
  '/coprs/:owner/:project/integrations/deliveries/:delivery_id{[0-9]{1,15}}': ONE_ROW,
  '/api_3/outgoing-webhook/deliveries/:ownername/:projectname/:webhook_id{[0-9]+}': KEPT_LOG,
  '/coprs/g/:group/:project/outgoing_webhooks/:webhook{[0-9]+}': KEPT_LOG,
  '/coprs/:owner/:project/outgoing_webhooks/:webhook{[0-9]+}': KEPT_LOG,
}

/** Routes whose responses have no size limit. LONG_CASES measures them, so they get no case here for the giant (the largest project). */
const AS_LONG_AS_LISTED = ['/api_3/monitor', '/user/info/download']

const STATUS: Record<string, number> = {
  '/api_3/gssapi_login/web-ui': 302,
  '/coprs/:owner{@[^/]+}/:rest{.*}': 302,
  '/login': 303,
  '/api/new': 303,
  '/status': 302,
  '/batches/detail/:id{[0-9]+}': 302,
  '/coprs/build/:id{[0-9]+}': 302,
}

const PART = /:(\w+)(?:\{[^}]*\})?\??/g

type Value = (sample: Sample, index: number) => string | number

const VALUE: Record<string, Value> = {
  ownername: ({ ownername }) => ownername,
  projectname: ({ projectname }) => projectname,
  dirname: ({ dirname }) => dirname,
  packagename: ({ packagename }) => packagename,
  build_id: ({ build_id }) => build_id,
  task_id: ({ build_id, chrootname }) => `${build_id}-${chrootname}`,
  chrootname: ({ chrootname }) => chrootname,
  owner: ({ ownername }) => ownername,
  group: ({ ownername }) => ownername.slice(1),
  project: ({ projectname }) => projectname,
  package: ({ packagename }) => packagename,
  id: ({ build_id }) => build_id,
  who: () => 'user7',
  chroot: ({ chrootname }) => chrootname,
  name_release: ({ chrootname }) => chrootname.split('-').slice(0, 2).join('-'),
  file: () => 'a.repo',
  rest: ({ projectname }) => projectname,
  count: () => 50,
  type: () => 'scm',
  state: (_, index) => ['pending', 'starting', 'running', 'importing'][index % 4] as string,
  provider_group: () => 'crew',
}

/** Values for routes in which a parameter has another meaning than in VALUE. */
const OTHERWISE: Record<string, Record<string, Value>> = {
  '/batches/detail/:id{[0-9]+}': { id: (_, index) => 2 + index },
  '/status/batches/detail/:id{[0-9]+}': { id: (_, index) => 2 + index },
  '/coprs/g/:owner/add': { owner: ({ ownername }) => ownername.slice(1) },
}

const OF_A_PROJECT = ['project', 'projectname', 'dirname', 'build_id', 'task_id', 'id', 'rest']
/** Routes that name their project, package or build in the query string. */
const BY_QUERY = /^\/api_3\/(project|project-chroot|package|build|build-chroot|monitor)(\/|$)/

/** The kind of project for which a route is measured. */
export type Kind = 'a user’s' | 'a group’s' | 'the giant’s'

/** Returns the cases for each route: usually one for an ordinary project and one for the giant (the largest project). */
export function routeCases(
  routes: string[],
  samples: Samples,
  visitors: Visitors,
): (Case & { kind: Kind })[] {
  return measuredRoutes(routes).flatMap((route) => {
    const names = partsOf(route)
    const isOfGroup =
      names.includes('group') || route === '/coprs/g/:owner/add' || names.includes('rest')
    const isOfProject = BY_QUERY.test(route) || names.some((name) => OF_A_PROJECT.includes(name))
    const made = (kind: Kind, of: Sample[]): Case & { kind: Kind } => ({
      name: `${shown(route)}, ${kind}`,
      route,
      kind,
      path: (index) => filled(route, of[index % of.length] as Sample, { index, visitors }),
      status: STATUS[route] ?? 200,
      ...(route.startsWith('/admin') || route.endsWith('/delete') || route.endsWith('/add')
        ? { as: 'admin' }
        : {}),
    })
    if (isOfGroup) return [made('a group’s', samples.groups)]
    const cases = [made('a user’s', samples.users)]
    if (AS_LONG_AS_LISTED.includes(route)) return isOfProject ? cases : []
    return isOfProject ? [...cases, made('the giant’s', samples.giant)] : cases
  })
}

/** Returns the routes to measure. Throws if the values for a route's parameters are unknown. */
export function measuredRoutes(routes: string[]): string[] {
  const measured = routes
    .filter((route) => !route.includes('*') || route.includes('{'))
    .filter((route) => NOT_MEASURED[route] === undefined)
  const unknown = measured.filter((route) =>
    partsOf(route).some((name) => !(name in VALUE) && name !== 'secret'),
  )
  const gone = [
    ...Object.keys(NOT_MEASURED),
    ...Object.keys(STATUS),
    ...Object.keys(OTHERWISE),
    ...AS_LONG_AS_LISTED,
  ].filter((route) => !routes.includes(route))
  if (unknown.length > 0)
    throw new Error(
      `Cannot measure ${unknown.join(', ')}: bench/api/cases.ts has no values for their parameters`,
    )
  if (gone.length > 0)
    throw new Error(`bench/api/cases.ts has routes that do not exist: ${gone.join(', ')}`)
  return measured
}

/** Returns a route in the form that the tables show. */
export function shown(route: string): string {
  return route.replaceAll(PART, ':$1')
}

function partsOf(route: string): string[] {
  return [...route.matchAll(PART)].map(([, name = '']) => name)
}

function filled(
  route: string,
  sample: Sample,
  { index, visitors }: { index: number; visitors: Visitors },
): string {
  const there = route.replaceAll(PART, (_, name: string) => {
    if (name === 'secret') return visitors.login_link
    const value = OTHERWISE[route]?.[name] ?? VALUE[name]
    return encodeURI(String(value?.(sample, index)))
  })
  if (!route.startsWith('/api_3/')) return there
  const { ownername, projectname, packagename, build_id, chrootname } = sample
  const query = { ownername, projectname, packagename, chrootname, build_id: String(build_id) }
  return `${there}?${new URLSearchParams({ ...query, query: 'python', limit: '100' }).toString()}`
}
