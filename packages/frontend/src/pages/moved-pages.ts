import { findUser } from '@copr/domain/users/user-queries'
import { type Context, Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { paths } from './paths.ts'
import { userView } from './view.ts'

const ofGroup = (c: Context): string => paths.owner(`@${pathPart(c, 'group')}`)

/**
 * URLs of Copr's pages that existing links use, each with the corresponding page of this site. Lists on this site are not paginated, so
 * page numbers are dropped.
 */
const MOVED: [path: string, target: (c: Context) => string][] = [
  ['/recent/all', paths.recent],
  ['/explore', paths.home],
  ['/status/pending/all', () => paths.status('pending')],
  ['/status/batches', () => paths.status('pending')],
  ['/status/stats', () => paths.status('running')],
  ['/groups/g/:group/coprs', ofGroup],
  ['/groups/g/:group/coprs/:page{[0-9]+}', ofGroup],
  ['/coprs/fulltext/:page{[0-9]+}', (c) => `${paths.search()}${new URL(c.req.url).search}`],
  // Reached only if no identity provider is configured.
  ['/oidc_login', (c) => paths.login(c.req.query('next'))],
]

/** First segments that are not owners: `/coprs/g/…` and `/coprs/build/…` are paths of other pages. */
const NOT_OWNERS = ['g', 'build']

/** Redirects the URLs of Copr's pages that this site serves at other URLs. */
export function movedPages(frontend: Frontend): Hono {
  const app = new Hono({ strict: false })
  for (const [path, target] of MOVED) app.get(path, (c) => c.redirect(target(c), 302))
  app.get('/recent/my', async (c) => {
    const { user } = await userView(c, frontend)
    return c.redirect(paths.owner(user.username), 302)
  })
  // A number is a page number in Copr's list of projects, unless a user has this name.
  app.get('/coprs/:owner{[0-9]+}', async (c, next) => {
    if (await findUser(frontend.db, pathPart(c, 'owner'))) return await next()
    return c.redirect(paths.home(), 302)
  })
  app.get('/coprs/:owner/:page{[0-9]+}', async (c, next) => {
    const owner = pathPart(c, 'owner')
    return NOT_OWNERS.includes(owner) ? await next() : c.redirect(paths.owner(owner), 302)
  })
  return app
}
