import { join } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { answerError } from '@copr/process/http-server'
import type { Logger } from '@copr/process/log'
import { sandboxAnswers } from '@copr/process/untrusted-content'
import { type Context, Hono } from 'hono'
import { answerByCgi } from './cgi.ts'
import { GIT_ENVIRONMENT } from './git-environment.ts'
import { type PackageLocation, gitRoot, isPackageLocation, lookasidePath } from './layout.ts'
import { packagePage, projectDirPage } from './pages.ts'
import { findRepository } from './repository.ts'
import { answerFile } from './static-file.ts'

export interface DistgitAppOptions {
  root: string
  log: Logger
}

/** Serves the repositories over git's smart HTTP protocol, read-only, and the source files of the lookaside cache. */
export function distgitApp({ root, log }: DistgitAppOptions): Hono {
  const app = new Hono()
  app.use(sandboxAnswers())
  app.onError(answerError(log))
  app.notFound((c) => c.json({ error: `Cannot find ${c.req.path}` }, 404))
  app.get('/git/:owner/:dirname/', async (c) => {
    const { owner, dirname } = placeOf(c, 'any')
    return c.html(await projectDirPage(root, owner, dirname))
  })
  app.get('/git/:owner/:dirname/:package', async (c) => {
    const place = placeOf(c)
    const repository = await findRepository(root, place)
    if (!repository) throw new CoprError('not_found', `Cannot find ${c.req.path}`)
    return c.html(await packagePage(join(gitRoot(root), repository), place))
  })
  app.on(['GET', 'POST'], '/git/:owner/:dirname/:package/*', (c) => answerGit(c, { root, log }))
  for (const prefix of ['/lookaside', '/repo/pkgs'])
    app.get(`${prefix}/:owner/:dirname/:package/:filename/md5/:md5/:again`, (c) =>
      answerSource(c, root),
    )
  return app
}

/**
 * Paths in a repository that a client may request: with POST, those of the smart protocol; with GET, `info/refs` and those of the dumb
 * protocol.
 */
const SMART = /^git-upload-pack$/
const DUMB =
  /^(?:info\/refs|HEAD|objects\/info\/(?:packs|alternates|http-alternates)|objects\/[0-9a-f]{2}\/[0-9a-f]{38}|objects\/pack\/pack-[0-9a-f]{40}\.(?:pack|idx))$/

async function answerGit(c: Context, { root, log }: DistgitAppOptions): Promise<Response> {
  const place = placeOf(c)
  // Names contain no slash, encoded or not, so the file's path is everything after the package name.
  const file = c.req.path.split('/').slice(5).join('/')
  if (file === 'git-receive-pack' || c.req.query('service') === 'git-receive-pack')
    throw new CoprError('forbidden', 'Cannot push: only builds change packages')
  const isKnown = (c.req.method === 'POST' ? SMART : DUMB).test(file)
  const repository = isKnown ? await findRepository(root, place) : undefined
  if (!repository) throw new CoprError('not_found', `Cannot find ${c.req.path}`)
  return await answerByCgi({
    command: 'git',
    args: ['http-backend'],
    env: cgiEnvironment(c, root, `/${repository}/${file}`),
    body: c.req.raw.body,
    signal: c.req.raw.signal,
    onComplaint: (words) =>
      log.warn({ words, path: c.req.path }, 'git http-backend wrote to standard error'),
  })
}

function cgiEnvironment(c: Context, root: string, pathInfo: string): Record<string, string> {
  const url = new URL(c.req.url)
  return {
    ...GIT_ENVIRONMENT,
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    GIT_PROJECT_ROOT: gitRoot(root),
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: pathInfo,
    PATH_TRANSLATED: join(gitRoot(root), pathInfo),
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: c.req.method,
    CONTENT_TYPE: c.req.header('content-type') ?? '',
    CONTENT_LENGTH: c.req.header('content-length') ?? '',
    HTTP_CONTENT_ENCODING: c.req.header('content-encoding') ?? '',
    HTTP_ACCEPT_ENCODING: c.req.header('accept-encoding') ?? '',
    GIT_PROTOCOL: c.req.header('git-protocol') ?? '',
  }
}

async function answerSource(c: Context, root: string): Promise<Response> {
  const place = placeOf(c)
  const { filename = '', md5 = '', again = '' } = c.req.param() as Record<string, string>
  if (filename !== again || !isFileName(filename) || !/^[0-9a-f]{32}$/.test(md5))
    throw new CoprError('not_found', `Cannot find ${c.req.path}`)
  return await answerFile(lookasidePath(root, place, filename, md5), {
    method: c.req.method,
    range: c.req.header('range'),
    etag: md5,
  })
}

function placeOf(c: Context, packageName = ''): PackageLocation {
  const {
    owner = '',
    dirname = '',
    package: package_name = packageName,
  } = c.req.param() as Record<string, string>
  const place = { owner, dirname, package_name }
  if (!isPackageLocation(place)) throw new CoprError('not_found', `Cannot find ${c.req.path}`)
  return place
}

function isFileName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the expression rejects control characters
  return name !== '' && name !== '.' && name !== '..' && !/[/\u0000-\u001f]/.test(name)
}
