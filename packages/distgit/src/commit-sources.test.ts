import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CoprError } from '@copr/process/errors'
import {
  type CommitSourcesOptions,
  commitSources,
  type SourceStorage,
  type StoredSource,
} from './commit-sources.ts'
import { deleteRepositories } from './layout.ts'
import { git, listTree, tempDir, unpacked } from './testing.ts'

const TARBALL = Buffer.from([0x1f, 0x8b, 0, 1, 2, 3])
const hello = {
  'hello.spec': 'Name: hello\n',
  'fix.patch': '--- a\n+++ b\n',
  'hello-1.tar.gz': TARBALL,
}
const place = { owner: '@team', dirname: 'proj:pr:12', package_name: 'hello' }

function request(
  root: string,
  files: CommitSourcesOptions['files'],
  more: Partial<CommitSourcesOptions> = {},
) {
  return {
    root,
    ...place,
    branches: ['f43', 'epel10'],
    files,
    spec: 'hello.spec',
    now: new Date('2026-01-02T03:04:05Z'),
    ...more,
  }
}

const repositoryOf = (root: string): string => join(root, 'git', '@team', 'proj:pr:12', 'hello.git')

test('commitSources() stores text in git and archives in the lookaside cache, and lists the archives in the file `sources`', async (t) => {
  const root = await tempDir(t)
  const files = await unpacked(t, { ...hello, 'data.txt': Buffer.from('caf\xe9', 'latin1') })
  const [tarball] = files.filter(({ name }) => name === 'hello-1.tar.gz')
  const commits = await commitSources(request(root, files))
  assert.deepEqual(Object.keys(commits).toSorted(), ['epel10', 'f43'])
  assert.equal(commits['f43'], commits['epel10'])

  const dir = repositoryOf(root)
  assert.equal(
    await git('-C', dir, 'ls-tree', '--name-only', 'f43'),
    'fix.patch\nhello.spec\nsources',
  )
  const sources = await git('-C', dir, 'show', 'epel10:sources')
  assert.match(sources, /^[0-9a-f]{32}  data\.txt\n[0-9a-f]{32}  hello-1\.tar\.gz$/m)
  const shelf = join(
    root,
    'lookaside',
    '@team',
    'proj:pr:12',
    'hello',
    'hello-1.tar.gz',
    tarball!.md5,
  )
  assert.deepEqual(await readFile(join(shelf, 'hello-1.tar.gz')), TARBALL)
  assert.equal(
    await git('-C', dir, 'log', '--format=%an <%ae> %aI %cn %s', 'f43'),
    'Copr dist-git <copr@localhost> 2026-01-02T03:04:05+00:00 Copr dist-git automatic import of hello',
  )
  await git('-C', dir, 'fsck', '--strict')
  assert.deepEqual(await listTree(join(root, 'tmp')), [])
})

test('commitSources() creates no new commit if the same files are imported again later', async (t) => {
  const root = await tempDir(t)
  const first = await commitSources(request(root, await unpacked(t, hello)))
  const before = await listTree(root)
  const again = await commitSources(request(root, await unpacked(t, hello), { now: new Date() }))
  assert.deepEqual(again, first)
  assert.deepEqual(await listTree(root), before)
})

test('commitSources() commits a changed spec and a removed file on top of the branch', async (t) => {
  const root = await tempDir(t)
  const first = await commitSources(request(root, await unpacked(t, hello)))
  const files = await unpacked(t, { 'hello.spec': 'Name: hello\nVersion: 2\n' })
  const second = await commitSources(request(root, files, { branches: ['f43'] }))
  const dir = repositoryOf(root)
  assert.equal(await git('-C', dir, 'rev-parse', 'f43^'), first['f43'])
  assert.equal(await git('-C', dir, 'rev-parse', 'epel10'), first['epel10'])
  assert.equal(await git('-C', dir, 'ls-tree', '--name-only', 'f43'), 'hello.spec\nsources')
  assert.equal(await git('-C', dir, 'show', 'f43:sources'), '')

  // The branch that is one commit behind is fast-forwarded; a new branch starts at the same commit.
  const third = await commitSources(request(root, files, { branches: ['epel10', 'f43', 'f44'] }))
  assert.deepEqual(third, { epel10: second['f43'], f43: second['f43'], f44: second['f43'] })
})

test('commitSources() starts a new branch from the main branch', async (t) => {
  const root = await tempDir(t)
  const first = await commitSources(
    request(root, await unpacked(t, hello), { branches: ['f43', 'master'] }),
  )
  const files = await unpacked(t, { 'hello.spec': 'Name: hello\nVersion: 2\n' })
  await commitSources(request(root, files, { branches: ['f44'] }))
  assert.equal(await git('-C', repositoryOf(root), 'rev-parse', 'f44^'), first['master'])
  assert.equal(await git('-C', repositoryOf(root), 'symbolic-ref', 'HEAD'), 'refs/heads/master')
})

test('commitSources() keeps executable files executable', async (t) => {
  const root = await tempDir(t)
  const files = await unpacked(t, { 'hello.spec': '', 'run.sh': '#!/bin/sh\n' })
  const modes = files.map((file) => (file.name === 'run.sh' ? { ...file, mode: 0o100755 } : file))
  await commitSources(request(root, modes))
  assert.match(await git('-C', repositoryOf(root), 'ls-tree', 'f43', 'run.sh'), /^100755 /)
})

test('commitSources() handles ten concurrent imports into one repository', async (t) => {
  const root = await tempDir(t)
  const all = await Promise.all(
    Array.from({ length: 10 }, async (_, i) =>
      commitSources(request(root, await unpacked(t, { 'hello.spec': `Version: ${i}\n` }))),
    ),
  )
  const commits = all.map((one) => one['f43'])
  assert.equal(new Set(commits).size, 10)
  const history = await git('-C', repositoryOf(root), 'log', '--format=%H', 'epel10')
  assert.deepEqual(new Set(history.split('\n')), new Set(commits))
  await git('-C', repositoryOf(root), 'fsck', '--strict')
})

for (const [title, contents, reason] of [
  ['a file named sources', { 'a.spec': '', sources: '' }, /a name that dist-git reserves/],
  ['a file named GIT~1', { 'a.spec': '', 'GIT~1': '' }, /"GIT~1" in it is one that git reserves/],
] as const)
  test(`commitSources() refuses ${title} and leaves no file behind`, async (t) => {
    const root = await tempDir(t)
    await assert.rejects(commitSources(request(root, await unpacked(t, contents))), {
      name: 'CoprError',
      message: reason,
    })
    assert.deepEqual(await listTree(root), [])
  })

test('commitSources() refuses a different file with the same name and MD5 sum as a stored one', async (t) => {
  const root = await tempDir(t)
  await commitSources(request(root, await unpacked(t, hello)))
  const files = (await unpacked(t, hello)).map((file) =>
    file.name === 'hello-1.tar.gz' ? { ...file, sha256: 'f'.repeat(64) } : file,
  )
  await assert.rejects(
    commitSources(request(root, files)),
    /another file of this name has the same MD5/,
  )
})

test('commitSources() replaces a damaged file in the lookaside cache', async (t) => {
  const root = await tempDir(t)
  await commitSources(request(root, await unpacked(t, hello)))
  const [stored] = await listTree(join(root, 'lookaside'))
  await chmod(stored!, 0o644)
  await writeFile(stored!, 'cut')
  await commitSources(request(root, await unpacked(t, hello)))
  assert.deepEqual(await readFile(stored!), TARBALL)
})

test('commitSources() removes the stale locks of a killed git', async (t) => {
  const root = await tempDir(t)
  await commitSources(request(root, await unpacked(t, hello)))
  const lock = join(repositoryOf(root), 'refs', 'heads', 'f43.lock')
  await writeFile(lock, '')
  await utimes(lock, 0, 0)
  const next = await unpacked(t, { 'hello.spec': 'Version: 2\n' })
  const commits = await commitSources(request(root, next))
  assert.equal(await git('-C', repositoryOf(root), 'rev-parse', 'f43'), commits['f43'])
})

test('deleteRepositories() removes the repositories of one project directory and no others', async (t) => {
  const root = await tempDir(t)
  await commitSources(request(root, await unpacked(t, hello)))
  await commitSources(request(root, await unpacked(t, hello), { dirname: 'proj' }))
  const before = await listTree(root)
  await deleteRepositories(root, { owner: '@team', dirname: 'proj:pr:12' })
  assert.deepEqual(
    await listTree(root),
    before.filter((path) => !path.includes('proj:pr:12')),
  )
  await deleteRepositories(root, { owner: '@team', dirname: 'proj:pr:12' })
  await mkdir(join(root, 'git', 'safe'))
  await assert.rejects(
    deleteRepositories(root, { owner: '..', dirname: 'git' }),
    /the name is not valid/,
  )
})

test('deleteRepositories() removes the repository of one package and no others', async (t) => {
  const root = await tempDir(t)
  await commitSources(request(root, await unpacked(t, hello)))
  await commitSources(request(root, await unpacked(t, hello), { package_name: 'hello2' }))
  const before = await listTree(root)
  await deleteRepositories(root, place)
  assert.deepEqual(
    await listTree(root),
    before.filter((path) => !/\/hello(\.git)?\//.test(path)),
  )
  await assert.rejects(
    deleteRepositories(root, { ...place, package_name: '..' }),
    /the name is not valid/,
  )
})

/** Makes a source storage that records the calls of an import. */
function recordedStorage(refusal?: string) {
  const calls: [string, string[]][] = []
  const sums = (sources: StoredSource[]): string[] =>
    sources.map(({ name, digest, bytes }) => `${name || digest.length} ${bytes}`).toSorted()
  const storage: SourceStorage = {
    async require(sources) {
      calls.push(['require', sums(sources)])
      if (refusal !== undefined) throw new CoprError('over_quota', refusal)
    },
    note: async (sources) => void calls.push(['note', sums(sources)]),
  }
  return { storage, calls }
}

test('commitSources() checks the storage quota for all files before it stores any, and counts the files afterwards', async (t) => {
  const root = await tempDir(t)
  const files = await unpacked(t, hello)
  const refused = recordedStorage('the quota is full')
  const over = commitSources(request(root, files, { storage: refused.storage }))
  await assert.rejects(over, /the quota is full/)
  const all = ['40 12', '40 12', 'hello-1.tar.gz 6']
  assert.deepEqual(refused.calls, [['require', all]])
  assert.deepEqual(await listTree(root), [])

  const { storage, calls } = recordedStorage()
  await commitSources(request(root, files, { storage }))
  assert.deepEqual(calls, [
    ['require', all],
    ['note', all],
  ])
})

test('if commitSources() is canceled, the files that it has already stored are counted', async (t) => {
  const root = await tempDir(t)
  const files = await unpacked(t, { ...hello, 'other.tar.gz': Buffer.from([0x1f, 0x8b, 7]) })
  const { storage, calls } = recordedStorage()
  const canceled = new AbortController()
  const say = (): void => canceled.abort()
  const more = { storage, signal: canceled.signal, say }
  await assert.rejects(commitSources(request(root, files, more)), { name: 'AbortError' })
  assert.deepEqual(calls.at(-1), ['note', ['hello-1.tar.gz 6']])
})
