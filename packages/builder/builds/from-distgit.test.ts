import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { DistgitSettings } from '@copr/contract/made-sources'
import { runOrThrow } from '@copr/process/run'
import { specOf } from '../src/testing/engine-suite.ts'
import { gitServer, testRepository } from '../src/testing/git-server.ts'
import {
  contentOf,
  runSource,
  serve,
  skip,
  sourceTask,
  urlOf,
  useSources,
} from '../src/testing/source-suite.ts'
import { makeFromDistgit } from '../src/sources/from-distgit.ts'
import type { MadeTask } from '../src/sources/from-script.ts'

useSources()

const dir = await mkdtemp(join(tmpdir(), 'copr-distgit-'))
after(() => rm(dir, { recursive: true }))
const DATA = 'from the lookaside cache\n'
const digest = (algorithm: string): string => createHash(algorithm).update(DATA).digest('hex')
/** The requests for sources. */
const requested: string[] = []

before(async () => {
  if (skip) return
  serve('/git/', gitServer(dir, '/git'))
  serve('/lookaside/', (request, response) => {
    requested.push(request.url ?? '')
    response.end(DATA)
  })
  const spec = (name: string): string =>
    specOf({ name, head: 'Source0: data.tar\nSource1: notes.txt' })
  const tool = await testRepository(join(dir, 'rpms', 'tool.git'))
  await tool.commit({
    'tool.spec': spec('tool'),
    'other.spec': spec('other'),
    'notes.txt': 'in the repository\n',
    sources: `SHA512 (data.tar) = ${digest('sha512')}\n`,
  })
  await tool.git('branch', 'f43')
  await tool.commit({ sources: `${digest('md5')}  data.tar\n` })
  const centos = await testRepository(join(dir, 'rpms', 'centos.git'))
  await centos.commit({
    'SPECS/centos.spec': spec('centos'),
    'SOURCES/notes.txt': 'in the repository\n',
    '.centos.metadata': `${digest('sha1')} SOURCES/data.tar\n`,
  })
  const auto = await testRepository(join(dir, 'rpms', 'auto.git'))
  const automatic = (version: string): string =>
    `${specOf({ name: 'auto' })}%changelog\n%autochangelog\n`
      .replace('Version: 1.0', `%global major ${version}\nVersion: %{major}.0`)
      .replace('Release: 1', 'Release: %autorelease')
  await auto.commit({ 'auto.spec': automatic('1') })
  await auto.commit({ 'auto.spec': automatic('2') })
  await auto.commit({ README: 'x' })
  await auto.git('commit', '-q', '--allow-empty', '-m', 'Rebuild at 100%\n\n[bump release: 3]')
  await auto.commit({ changelog: '* Mon Jan 01 2001 Jane <jane@example.org> - 0.1-1\n- Begin\n' })
})

const LAYOUT = {
  default_namespace: 'rpms',
  lookaside_url: '/lookaside/{namespace}/{name}/{filename}/{hashtype}/{hash}/{filename}',
  sources_file: 'sources',
  specs_dir: '.',
  sources_dir: '.',
}

async function distgit(
  name: string,
  settings: Partial<DistgitSettings> = {},
  layout: Partial<typeof LAYOUT> = {},
) {
  requested.length = 0
  const whole = { ...LAYOUT, ...layout }
  const source = {
    type: 'distgit' as const,
    settings: {
      clone_url: urlOf(`/git/rpms/${name}.git`),
      distgit: 'test',
      ...settings,
      layout: { ...whole, lookaside_url: urlOf(whole.lookaside_url) },
    },
  }
  const task = sourceTask(source) as MadeTask
  return await runSource((_, ...more) => makeFromDistgit(task, ...more), task)
}

for (const [title, committish, algorithm] of [
  ['with a line for each algorithm', 'f43', 'sha512'],
  ['with digests only', '', 'md5'],
] as const)
  test(
    `a package of another dist-git becomes an SRPM: its list of sources ${title}`,
    { skip },
    async () => {
      const { outcome, srpm, log } = await distgit('tool', { committish })
      assert.equal(outcome.outcome, 'succeeded', log)
      const { nvr, files } = await contentOf(srpm?.[1] ?? '')
      assert.equal(nvr, 'tool-1.0-1')
      assert.deepEqual(files, ['data.tar', 'notes.txt', 'tool.spec'])
      const hex = digest(algorithm)
      assert.deepEqual(requested, [`/lookaside/rpms/tool/data.tar/${algorithm}/${hex}/data.tar`])
    },
  )

test('a package in the layout of CentOS becomes an SRPM', { skip }, async () => {
  const { outcome, srpm, log } = await distgit(
    'centos',
    {},
    {
      lookaside_url: '/lookaside/sources/{name}/{ref}/{hash}',
      sources_file: '.{name}.metadata',
      specs_dir: 'SPECS',
      sources_dir: 'SOURCES',
    },
  )
  assert.equal(outcome.outcome, 'succeeded', log)
  assert.deepEqual((await contentOf(srpm?.[1] ?? '')).files, [
    'centos.spec',
    'data.tar',
    'notes.txt',
  ])
  assert.deepEqual(requested, [`/lookaside/sources/centos/main/${digest('sha1')}`])
})

test(
  '%autorelease counts the commits of a version, and %autochangelog lists them',
  { skip },
  async () => {
    const { outcome, srpm, log } = await distgit('auto')
    assert.equal(outcome.outcome, 'succeeded', log)
    // Release 6: the commits of the new version, README and the changelog count as 1 each, and the bump counts as 3.
    assert.equal((await contentOf(srpm?.[1] ?? '')).nvr, 'auto-2.0-6')
    const format = '[%{CHANGELOGNAME}: %{CHANGELOGTEXT}\n]'
    const changes = await runOrThrow('rpm', [
      '-qp',
      '--nosignature',
      '--qf',
      format,
      srpm?.[1] ?? '',
    ])
    assert.match(changes, /^Dana <dana@example\.org>: - A commit\nDana .*: - Rebuild at 100%\n/)
    assert.match(changes, /Jane <jane@example\.org> - 0\.1-1: - Begin\n$/)
  },
)
