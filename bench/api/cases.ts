import { SIZES } from './fill-database.ts'

export interface Case {
  name: string
  /** Each request asks for something else. */
  path: (index: number) => string
}

/** An ordinary project, with one of its packages and builds. */
export interface Sample {
  ownername: string
  projectname: string
  packagename: string
  build_id: number
  chrootname: string
}

const { builds, projects, giant_dirs } = SIZES
const GIANT = 'ownername=user1&projectname=giant'
const GIANT_BUILDS = builds / 5
const GIANT_PAGE = '/coprs/user1/giant'

/** Answers of a fixed size: these have the goal of 50 ms. */
export function listedCases(samples: Sample[]): Case[] {
  const of = (index: number): Sample => samples[index % samples.length] as Sample
  const word = (index: number): string => WORDS[index % WORDS.length] as string
  const page = (sample: Sample): string => `/coprs/${sample.ownername}/${sample.projectname}`
  const own = (sample: Sample): string =>
    `ownername=${sample.ownername}&projectname=${sample.projectname}`
  /** From the beginning to the end of a list of so many. */
  const depth = (index: number, total: number): number =>
    Math.floor((((index * 37) % 100) / 100) * total)
  const chosen: [string, Case['path']][] = [
    [
      '/api_3/project/list, 100, any depth',
      (i) => `/api_3/project/list?limit=100&offset=${depth(i, projects)}`,
    ],
    [
      '/api_3/project/list by name, 100, any depth',
      (i) => `/api_3/project/list?limit=100&order=name&offset=${depth(i, projects)}`,
    ],
    [
      '/api_3/project/list of an owner',
      (i) => `/api_3/project/list?limit=100&ownername=${of(i).ownername}`,
    ],
    [
      '/api_3/project/search, a common word',
      (i) => `/api_3/project/search?limit=100&query=${word(i)}`,
    ],
    [
      '/api_3/project/search, a common word, any depth',
      (i) => `/api_3/project/search?limit=100&query=${word(i)}&offset=${depth(i, 2000)}`,
    ],
    [
      '/api_3/project/search, a rare word',
      (i) => `/api_3/project/search?limit=100&query=${of(i).projectname}`,
    ],
    [
      '/api_3/project/search, a package',
      (i) => `/api_3/project/search?limit=100&query=${of(i).packagename}`,
    ],
    [
      '/api_3/project/search, a chroot',
      (i) => `/api_3/project/search?limit=100&query=${of(i).chrootname}`,
    ],
    [
      '/api_3/project/search, two words',
      (i) => `/api_3/project/search?limit=100&query=${word(i)}+${word(i + 7)}`,
    ],
    [
      '/api_3/project/search, nothing found',
      (i) => `/api_3/project/search?limit=100&query=zzz${i}`,
    ],
    [
      '/api_3/project/search, owner/project',
      (i) =>
        `/api_3/project/search?limit=100&query=${of(i).ownername}/${of(i).projectname.slice(0, 4)}`,
    ],
    [
      '/api_3/package/list of the giant, 50, any depth',
      (i) => `/api_3/package/list?${GIANT}&limit=50&offset=${depth(i, 10_000)}`,
    ],
    [
      '/api_3/package/list of the giant, 50, latest builds',
      (i) =>
        `/api_3/package/list?${GIANT}&limit=50&offset=${depth(i, 10_000)}&with_latest_build=True&with_latest_succeeded_build=True`,
    ],
    ['/api_3/build/list of the giant, 100, newest', () => `/api_3/build/list?${GIANT}&limit=100`],
    [
      '/api_3/build/list of the giant, 100, any depth',
      (i) => `/api_3/build/list?${GIANT}&limit=100&offset=${depth(i, GIANT_BUILDS)}`,
    ],
    [
      '/api_3/build/list of the giant, 100, the end',
      (i) => `/api_3/build/list?${GIANT}&limit=100&offset=${GIANT_BUILDS - 100 - i}`,
    ],
    [
      '/api_3/build/list of the giant, failed, any depth',
      (i) =>
        `/api_3/build/list?${GIANT}&status=failed&limit=100&offset=${depth(i, GIANT_BUILDS / 6)}`,
    ],
    [
      '/api_3/build/list of the giant, succeeded, any depth',
      (i) =>
        `/api_3/build/list?${GIANT}&status=succeeded&limit=100&offset=${depth(i, GIANT_BUILDS * 0.8)}`,
    ],
    [
      '/api_3/build/list of the giant, running',
      () => `/api_3/build/list?${GIANT}&status=running&limit=100`,
    ],
    [
      '/api_3/build/list of the giant, skipped (none)',
      () => `/api_3/build/list?${GIANT}&status=skipped&limit=100`,
    ],
    [
      '/api_3/build/list of a package',
      (i) => `/api_3/build/list?${own(of(i))}&packagename=${of(i).packagename}&limit=100`,
    ],
    [
      '/api_3/build/list of a package with most builds, failed',
      () =>
        '/api_3/build/list?ownername=user2&projectname=mass-rebuild&status=failed&limit=100&offset=100',
    ],
    ['/api_3/rpmrepo of the giant', () => '/api_3/rpmrepo/user1/giant/fedora-40'],
    ['home page', () => '/'],
    ['recent builds', () => '/recent/'],
    ['search page, a common word', (i) => `/coprs/fulltext/?fulltext=${word(i)}`],
    ['search page, a rare word', (i) => `/coprs/fulltext/?fulltext=${of(i).projectname}`],
    ['search page, a package', (i) => `/coprs/fulltext/?fulltext=${of(i).packagename}`],
    ['owner’s page', (i) => `/coprs/${of(i).ownername.replace('@', 'g/')}/`],
    ['owner’s page, most projects', () => '/coprs/user1/'],
    ['project page of the giant', () => `${GIANT_PAGE}/`],
    ['packages page of the giant', () => `${GIANT_PAGE}/packages/`],
    [
      'packages page of the giant, any depth',
      (i) => `${GIANT_PAGE}/packages/?offset=${depth(i, 10_000)}`,
    ],
    ['builds page of the giant', () => `${GIANT_PAGE}/builds/`],
    [
      'builds page of the giant, any depth',
      (i) => `${GIANT_PAGE}/builds/?before=${builds - depth(i, builds)}`,
    ],
    ['package page', (i) => `${page(of(i))}/package/${of(i).packagename}/`],
    [
      '.repo file of a directory',
      (i) => `${GIANT_PAGE}:pr:${1 + (i % giant_dirs)}/repo/fedora-42/`,
    ],
  ]
  return chosen.map(([name, path]) => ({ name, path }))
}

/** Answers as long as what they list: no goal but flat memory. */
export const LONG_CASES: Case[] = [
  {
    name: 'package/list of the giant, 1000 with latest builds',
    path: (i) =>
      `/api_3/package/list?${GIANT}&limit=1000&offset=${(i % 10) * 1000}&with_latest_build=True&with_latest_succeeded_build=True`,
  },
  { name: 'package/list of the giant, all 10 000', path: () => `/api_3/package/list?${GIANT}` },
  {
    name: 'package/list of the giant, all with latest builds',
    path: () =>
      `/api_3/package/list?${GIANT}&with_latest_build=True&with_latest_succeeded_build=True`,
  },
  {
    name: 'build/list of the giant, 1000, any depth',
    path: (i) => `/api_3/build/list?${GIANT}&limit=1000&offset=${(i * 7919) % GIANT_BUILDS}`,
  },
  { name: 'build/list of the giant, all 200 000', path: () => `/api_3/build/list?${GIANT}` },
  { name: 'project/list, all 20 000', path: () => '/api_3/project/list' },
  { name: 'project/search, all that match', path: () => '/api_3/project/search?query=python' },
  { name: 'monitor of the giant', path: () => `/api_3/monitor?${GIANT}` },
]

/** One case for each route that can be filled in from a sample; the names of those that cannot. */
export function routeCases(
  paths: string[],
  samples: Sample[],
): { cases: Case[]; unknown: string[] } {
  const cases: Case[] = []
  const unknown: string[] = []
  for (const path of paths) {
    // Groups' pages are the same as users'.
    if (path.includes('*') || path.includes(':group') || path.startsWith('/static')) continue
    const names = [...path.matchAll(PART)].map(([, name = '']) => name)
    if (names.some((name) => !(name in VALUE))) unknown.push(path)
    else
      cases.push({
        name: path.replaceAll(PART, ':$1'),
        path: (index) => filled(path, samples[index % samples.length] as Sample),
      })
  }
  return { cases, unknown }
}

const PART = /:(\w+)(?:\{[^}]*\})?\??/g

const VALUE: Record<string, (sample: Sample) => string | number> = {
  ownername: ({ ownername }) => ownername,
  projectname: ({ projectname }) => projectname,
  dirname: ({ projectname }) => projectname,
  packagename: ({ packagename }) => packagename,
  build_id: ({ build_id }) => build_id,
  chrootname: ({ chrootname }) => chrootname,
  owner: ({ ownername }) => ownername.replace('@', 'g/'),
  project: ({ projectname }) => projectname,
  package: ({ packagename }) => packagename,
  id: ({ build_id }) => build_id,
  who: () => 'user7',
  user: () => 'user7',
  chroot: ({ chrootname }) => chrootname,
  name_release: ({ chrootname }) => chrootname.split('-').slice(0, 2).join('-'),
  file: () => 'a.repo',
}

function filled(path: string, sample: Sample): string {
  const there = path.replaceAll(PART, (_, name: string) => encodeURI(String(VALUE[name]?.(sample))))
  if (!path.startsWith('/api_3/')) return there
  const query = ['ownername', 'projectname', 'packagename', 'build_id', 'chrootname'].map(
    (name) => `${name}=${VALUE[name]?.(sample)}`,
  )
  return `${there}?${query.join('&')}&query=python&limit=100`
}

const WORDS = [
  'python',
  'rust',
  'gnome',
  'kernel',
  'nightly',
  'image',
  'agent',
  'docs',
  'yaml',
  'crypto',
]
