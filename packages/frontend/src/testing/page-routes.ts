import type { Fixture } from './fixture.ts'

/** A registered route outside the API. */
export interface PageRoute {
  method: 'GET' | 'POST'
  path: string
}

export function pageRoutesOf({ t }: Pick<Fixture, 't'>): PageRoute[] {
  const found = t.app.routes.flatMap(({ method, path }): [string, PageRoute][] =>
    path.startsWith('/api_3') || (method !== 'GET' && method !== 'POST')
      ? []
      : [[`${method} ${path}`, { method, path }]],
  )
  return [...new Map(found).values()]
}

/** A name for a page, which is the same for users' and for groups' projects. */
export function pageName({ method, path }: PageRoute): string {
  return `${method} ${path.replace(/^\/coprs\/g\/:(group|owner)(?=\/|$)/, '/coprs/:owner').replaceAll(/\{.*?\}+/g, '')}`
}

/** The names of the parameters of a path. */
export function partsOf(path: string): string[] {
  return [...path.matchAll(/:([a-z_]+)/g)].map(([, name = '']) => name)
}

/** Fills in the parameters of a path with objects of the fixture, or with `values` where given. */
export function pathOfPage(
  fixture: Fixture,
  { method, path }: PageRoute,
  values: Record<string, string> = {},
): string {
  const isGroup = path.startsWith('/coprs/g/')
  const builds = isGroup ? fixture.group_builds : fixture
  const isBuild = !/^\/(batches|status|webhooks|user)\//.test(path)
  const build = path.includes('cancel_build') ? builds.running_build : builds.finished_build
  const usual: Record<string, string> = {
    owner: isGroup ? 'orbit' : path.startsWith('/coprs/:owner{@') ? '@orbit' : 'dana',
    page: '2',
    rest: 'telescope',
    group: 'orbit',
    project: 'telescope',
    dirname: 'telescope',
    package: 'lenscap',
    // In the fixture, the batch, the project and the token have the ID 1.
    id: String(path.includes('/chain/') ? builds.chain : isBuild ? build : 1),
    build_id: String(build),
    task_id: `${build}-fedora-43-x86_64`,
    name_release: 'fedora-43',
    file: path.startsWith('/static/') ? 'site.css' : 'telescope-fedora-43.repo',
    chroot: 'fedora-43-x86_64',
    delivery_id: isGroup ? '2' : '1',
    secret_id: isGroup ? '2' : '1',
    type: 'scm',
    state: 'pending',
    count: '10',
    // The webhook of dana's project has ID 1 and that of the group's project ID 2; each has one delivery.
    webhook: isGroup ? '2' : '1',
    delivery: isGroup ? '2' : '1',
    provider_group: 'astronomers',
    secret: path.startsWith('/login/') ? fixture.login_secret : fixture.webhook_secret,
    ...values,
  }
  const filled = path.replaceAll(/:([a-z_]+)(\{.*?\}+)?/g, (_, name: string) =>
    encodeURIComponent(usual[name] ?? 'x'),
  )
  return method === 'GET' && filled !== '/' ? `${filled}/` : filled
}
