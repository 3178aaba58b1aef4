import type { Case } from './cases.ts'
import type { Sample, Samples } from './samples.ts'
import {
  audit_entries,
  builds,
  giant_builds,
  giant_packages,
  projects,
  unfinished,
} from './sizes.ts'

const GIANT = 'ownername=user1&projectname=giant'
const GIANT_PAGE = '/coprs/user1/giant'
/** A project of user2 whose only package has more builds than any other on the site. */
const MASS = '/coprs/user2/mass-rebuild'

const WORDS = 'python rust gnome kernel nightly image agent docs yaml crypto'.split(' ')
const word = (index: number): string => WORDS[index % WORDS.length] as string

/** Maps request indexes to positions in a list of length `total`, from its beginning to its end, in mixed order. */
const depth = (index: number, total: number): number =>
  Math.floor((((index * 37) % 100) / 100) * total)
const letters = (index: number): string =>
  depth(index, 26 * 26)
    .toString(26)
    .padStart(2, '0')
    .replaceAll(/./g, (digit) => String.fromCodePoint(97 + Number.parseInt(digit, 26)))

type List = [what: string, route: string, path: (index: number) => string, as?: 'admin']

/** Returns cases for every list, at its beginning and far down, with every kind of query parameter. */
export function listCases({ users }: Samples, mass_package: string): Case[] {
  const of = (index: number): Sample => users[index % users.length] as Sample
  return [...apiLists(of), ...searches(of), ...pageLists(mass_package), ...siteLists()].map(
    ([what, route, path, as]) => ({
      name: `${route}: ${what}`,
      route,
      path,
      status: 200,
      ...(as ? { as } : {}),
    }),
  )
}

function apiLists(of: (index: number) => Sample): List[] {
  const project = '/api_3/project/list'
  const pack = '/api_3/package/list'
  const build = '/api_3/build/list'
  const own = ({ ownername, projectname }: Sample): string =>
    `ownername=${ownername}&projectname=${projectname}`
  const latest = 'with_latest_build=True&with_latest_succeeded_build=True'
  return [
    ['100, any depth', project, (i) => `${project}?limit=100&offset=${depth(i, projects)}`],
    [
      '100 by name, any depth',
      project,
      (i) => `${project}?limit=100&order=name&offset=${depth(i, projects)}`,
    ],
    [
      '100 by owner, any depth',
      project,
      (i) => `${project}?limit=100&order=ownername&offset=${depth(i, projects)}`,
    ],
    [
      '100 by time, any depth',
      project,
      (i) => `${project}?limit=100&order=created_at&offset=${depth(i, projects)}`,
    ],
    ['of an owner', project, (i) => `${project}?limit=100&ownername=${of(i).ownername}`],
    [
      'of the owner with most',
      project,
      (i) => `${project}?limit=100&ownername=user1&offset=${depth(i, 200)}`,
    ],
    [
      '50 of the giant, any depth',
      pack,
      (i) => `${pack}?${GIANT}&limit=50&offset=${depth(i, giant_packages)}`,
    ],
    [
      '50 of the giant by name, any depth',
      pack,
      (i) => `${pack}?${GIANT}&limit=50&order=name&offset=${depth(i, giant_packages)}`,
    ],
    [
      '50 of the giant with latest builds, any depth',
      pack,
      (i) => `${pack}?${GIANT}&limit=50&offset=${depth(i, giant_packages)}&${latest}`,
    ],
    ['100 of the giant, newest', build, () => `${build}?${GIANT}&limit=100`],
    [
      '100 of the giant, any depth',
      build,
      (i) => `${build}?${GIANT}&limit=100&offset=${depth(i, giant_builds)}`,
    ],
    [
      '100 of the giant, the end',
      build,
      (i) => `${build}?${GIANT}&limit=100&offset=${giant_builds - 100 - i}`,
    ],
    [
      '100 of the giant, oldest first, any depth',
      build,
      (i) => `${build}?${GIANT}&limit=100&order=id&offset=${depth(i, giant_builds)}`,
    ],
    [
      '100 of the giant, failed, any depth',
      build,
      (i) => `${build}?${GIANT}&status=failed&limit=100&offset=${depth(i, giant_builds / 6)}`,
    ],
    [
      '100 of the giant, succeeded, any depth',
      build,
      (i) => `${build}?${GIANT}&status=succeeded&limit=100&offset=${depth(i, giant_builds * 0.8)}`,
    ],
    ['of the giant, running', build, () => `${build}?${GIANT}&status=running&limit=100`],
    ['of the giant, skipped (none)', build, () => `${build}?${GIANT}&status=skipped&limit=100`],
    [
      '100 of a package',
      build,
      (i) => `${build}?${own(of(i))}&packagename=${of(i).packagename}&limit=100`,
    ],
    [
      '100 of the package with most builds, any depth',
      build,
      (i) =>
        `${build}?ownername=user2&projectname=mass-rebuild&limit=100&offset=${depth(i, 20_000)}`,
    ],
    [
      '100 failed of the package with most builds, any depth',
      build,
      (i) =>
        `${build}?ownername=user2&projectname=mass-rebuild&status=failed&limit=100&offset=${depth(i, 3000)}`,
    ],
  ]
}

function searches(of: (index: number) => Sample): List[] {
  const api = '/api_3/project/search'
  const page = '/coprs/fulltext'
  const queries: [what: string, query: (index: number) => string][] = [
    ['a common word', word],
    ['a rare word', (i) => of(i).projectname],
    ['a package', (i) => of(i).packagename],
    ['a chroot', (i) => of(i).chrootname],
    ['two words', (i) => `${word(i)} ${word(i + 7)}`],
    ['nothing found', (i) => `zzz${i}`],
    ['owner/project', (i) => `${of(i).ownername}/${of(i).projectname.slice(0, 4)}`],
  ]
  return [
    ...queries.flatMap(([what, query]): List[] => [
      [what, api, (i) => `${api}?limit=100&query=${encodeURIComponent(query(i))}`],
      [what, page, (i) => `${page}?fulltext=${encodeURIComponent(query(i))}`],
    ]),
    [
      'a common word, any depth',
      api,
      (i) => `${api}?limit=100&query=${word(i)}&offset=${depth(i, 2000)}`,
    ],
  ]
}

function pageLists(mass_package: string): List[] {
  const project = '/coprs/:owner/:project'
  const pack = `${project}/package/:package`
  return [
    ['the giant’s, first page', `${project}/packages`, () => `${GIANT_PAGE}/packages/`],
    [
      'the giant’s, any depth',
      `${project}/packages`,
      (i) => `${GIANT_PAGE}/packages/?after=${letters(i)}`,
    ],
    ['the giant’s, first page', `${project}/builds`, () => `${GIANT_PAGE}/builds/`],
    [
      'the giant’s, any depth',
      `${project}/builds`,
      (i) => `${GIANT_PAGE}/builds/?before=${builds - depth(i, builds)}`,
    ],
    [
      '20 000 builds, any depth',
      pack,
      (i) => `${MASS}/package/${mass_package}/?before=${builds - depth(i, 20_000)}`,
    ],
    ['the giant’s, first page', `${project}/monitor`, () => `${GIANT_PAGE}/monitor/`],
    [
      'the giant’s, any depth',
      `${project}/monitor`,
      (i) => `${GIANT_PAGE}/monitor/?after=${letters(i)}`,
    ],
    [
      'the giant’s, any depth',
      `${project}/monitor/simple`,
      (i) => `${GIANT_PAGE}/monitor/simple?after=${letters(i)}`,
    ],
    [
      'the giant’s, any depth',
      `${project}/monitor/detailed`,
      (i) => `${GIANT_PAGE}/monitor/detailed?after=${letters(i)}`,
    ],
    [
      'the giant’s, of pull requests',
      `${project}/monitor`,
      (i) => `${GIANT_PAGE}/monitor/?dirname=giant:pr:${1 + i}&after=${letters(i)}`,
    ],
    [
      'the giant’s, any depth',
      `${project}/audit`,
      (i) => `${GIANT_PAGE}/audit?before=${audit_entries - depth(i, audit_entries)}`,
    ],
    [
      'the owner with most, any depth',
      '/coprs/:owner',
      (i) => `/coprs/user1/?before=${projects - depth(i, projects)}`,
    ],
    [
      'the giant’s, a pull request’s',
      '/coprs/:owner/:dirname/repo/:name_release',
      (i) => `${GIANT_PAGE}:pr:${1 + i}/repo/fedora-38/`,
    ],
  ]
}

function siteLists(): List[] {
  const state = '/status/:state{pending|starting|running|importing}'
  const audit = '/admin/audit'
  const before = (i: number): string => `before=${audit_entries - depth(i, audit_entries)}`
  return [
    ['newest', '/recent', () => '/recent/'],
    ['a queue of thousands, the first page', state, () => '/status/pending/'],
    [
      'a queue of thousands, any depth',
      state,
      (i) => `/status/pending/?after=${497_000 + depth(i, unfinished * 3)}`,
    ],
    [
      'a batch of 20 000, first page',
      '/status/batches/detail/:id{[0-9]+}',
      () => '/status/batches/detail/1',
    ],
    [
      'a batch of 20 000, any depth',
      '/status/batches/detail/:id{[0-9]+}',
      (i) => `/status/batches/detail/1?before=${builds - depth(i, 20_000)}`,
    ],
    ['first page', audit, () => audit, 'admin'],
    ['any depth', audit, (i) => `${audit}?${before(i)}`, 'admin'],
    [
      'of one project, any depth',
      audit,
      (i) => `${audit}?project=user1/giant&${before(i)}`,
      'admin',
    ],
    ['of one user, any depth', audit, (i) => `${audit}?user=user${1 + i}&${before(i)}`, 'admin'],
    [
      'of one user in one project',
      audit,
      (i) => `${audit}?user=user${1 + i}&project=user1/giant`,
      'admin',
    ],
    ['by webhooks, any depth', audit, (i) => `${audit}?user=webhook&${before(i)}`, 'admin'],
    ['by commands (few)', audit, (i) => `${audit}?user=coprctl&${before(i)}`, 'admin'],
    ['by nobody', audit, (i) => `${audit}?user=nobody${i}&${before(i)}`, 'admin'],
    ['any depth', '/user/audit', (i) => `/user/audit?${before(i)}`],
    ['all', '/rss/all', () => '/rss/all/'],
  ]
}

/** Responses without a size limit: they have no target time, but must not make memory grow. */
export const LONG_CASES: Pick<Case, 'name' | 'path'>[] = [
  [
    'package/list of the giant, 1000 with latest builds',
    (i: number) =>
      `/api_3/package/list?${GIANT}&limit=1000&offset=${(i % 10) * 1000}&with_latest_build=True&with_latest_succeeded_build=True`,
  ],
  ['package/list of the giant, all 10 000', () => `/api_3/package/list?${GIANT}`],
  [
    'package/list of the giant, all with latest builds',
    () => `/api_3/package/list?${GIANT}&with_latest_build=True&with_latest_succeeded_build=True`,
  ],
  [
    'build/list of the giant, 1000, any depth',
    (i: number) => `/api_3/build/list?${GIANT}&limit=1000&offset=${(i * 7919) % giant_builds}`,
  ],
  ['build/list of the giant, all 200 000', () => `/api_3/build/list?${GIANT}`],
  ['project/list, all 20 000', () => '/api_3/project/list'],
  ['project/search, all that match', () => '/api_3/project/search?query=python'],
  ['monitor of the giant', () => `/api_3/monitor?${GIANT}`],
  ['user/info/download of a user with 200 000 builds', () => '/user/info/download'],
].map(([name, path]) => ({ name: name as string, path: path as Case['path'] }))
