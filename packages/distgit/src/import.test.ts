import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, runOrThrow } from '@copr/process/run'
import { buildSrpm } from '@copr/rpm/testing/make-rpm'
import { importHandler, importSrpm } from './import.ts'
import { sweepTemp } from './layout.ts'
import { fakeContext, git, importTask, listTree, makeSrpm, tempDir } from './testing.ts'

const place = { owner: 'dana', dirname: 'tools', package_name: 'hello' }
const limits = {
  max_unpacked_bytes: 10_000_000,
  max_unpacked_file_bytes: 10_000_000,
  max_unpacked_files: 100,
}
const noRpmbuild = await run('rpmbuild', ['--version']).then(
  () => false,
  () => 'needs rpmbuild',
)

const repositoryOf = (root: string): string => join(root, 'git', 'dana', 'tools', 'hello.git')

async function importTo(root: string, srpmPath: string, branches = ['f43', 'epel10']) {
  return await importSrpm({ root, ...place, srpmPath, branches, limits, now: new Date(0) })
}

test('importSrpm() imports an SRPM, and commits a second version on top of it', async (t) => {
  const root = await tempDir(t)
  const srpm = await makeSrpm(t, '1')
  const first = await importTo(root, srpm)
  assert.deepEqual(await importTo(root, srpm), first)
  const second = await importTo(root, await makeSrpm(t, '2'), ['f43'])
  const dir = repositoryOf(root)
  assert.equal(await git('-C', dir, 'rev-parse', 'f43^'), first['f43'])
  assert.equal(await git('-C', dir, 'rev-parse', 'f43'), second['f43'])
  const names = (await git('-C', dir, 'ls-tree', '--name-only', 'f43')).split('\n')
  assert.deepEqual(names, ['fix.patch', 'hello.spec', 'run.sh', 'sources'])
  assert.match(await git('-C', dir, 'ls-tree', 'f43', 'run.sh'), /^100755 /)
  assert.match(await git('-C', dir, 'show', 'f43:sources'), /^[0-9a-f]{32}  hello-2\.tar\.gz$/)
  assert.match(await git('-C', dir, 'show', 'f43:hello.spec'), /Version: 2/)
  await checkWhole(root)
})

test('importSrpm() imports an SRPM that rpmbuild made', { skip: noRpmbuild }, async (t) => {
  const dir = await tempDir(t)
  const spec =
    'Name: hello\nVersion: 1\nRelease: 1\nSummary: Greets\nLicense: MIT\nSource0: a.tar.gz\n'
  await writeFile(join(dir, 'hello.spec'), `${spec}%description\nGreets.\n`)
  await writeFile(join(dir, 'a.tar.gz'), Buffer.alloc(2_000_000, 'binary\0'))
  const macros = ['_sourcedir', '_srcrpmdir'].flatMap((name) => ['-D', `${name} ${dir}`])
  await runOrThrow('rpmbuild', ['-bs', ...macros, join(dir, 'hello.spec')], { env: { HOME: dir } })
  const root = await tempDir(t)
  await importTo(root, join(dir, 'hello-1-1.src.rpm'))
  const names = await git('-C', repositoryOf(root), 'ls-tree', '--name-only', 'epel10')
  assert.equal(names, 'hello.spec\nsources')
  await checkWhole(root)
})

test('importSrpm() accepts every file name that rpmbuild packs, and git can check out all committed files', async (t) => {
  const root = await tempDir(t)
  const files = [
    { name: '.clang-format', content: 'BasedOnStyle: GNU\n' },
    { name: '.env', content: Buffer.from([0, 1, 2]) },
    { name: '.gitattributes', content: '* text eol=crlf\n' },
    { name: '.gitignore', content: '*\n' },
    { name: '.gitmodules', content: '[submodule "a"]\n' },
    { name: 'README.md', content: '# Read\n' },
    { name: 'a..b', content: 'a\n' },
    { name: 'a\\b', content: 'b\n' },
    { name: 'other.spec', content: 'Name: other\n', isSpec: false },
  ]
  const srpm = await buildSrpm(join(await tempDir(t), 'hello.src.rpm'), { files })
  await importTo(root, srpm)
  await checkWhole(root)
  const clone = join(await tempDir(t), 'clone')
  await git('clone', '-q', '-b', 'f43', repositoryOf(root), clone)
  assert.deepEqual(
    (await readdir(clone)).toSorted(),
    [
      '.git',
      'hello.spec',
      'sources',
      ...files.map(({ name }) => name).filter((name) => !['.env', 'other.spec'].includes(name)),
    ].toSorted(),
  )
  const sources = await readFile(join(clone, 'sources'), 'utf8')
  assert.deepEqual(
    [...sources.matchAll(/^\w{32} {2}(.*)\r?$/gm)].map(([, name]) => name),
    ['.env', 'other.spec'],
  )
})

test('importSrpm() commits to a repository while another process imports into it, too', async (t) => {
  const root = await tempDir(t)
  const srpms = await Promise.all(Array.from({ length: 10 }, (_, i) => makeSrpm(t, `1.${i}`)))
  const [one, other] = [srpms.slice(0, 5), srpms.slice(5)]
  const child = spawn(process.execPath, ['--input-type=module', '-e', IMPORT, root, '0', ...other])
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  for (const srpm of one) await importTo(root, srpm)
  assert.equal((await closed)[0], 0)
  assert.equal(await git('-C', repositoryOf(root), 'rev-list', '--count', 'f43'), '10')
  await checkWhole(root)
})

test('importSrpm() refuses an SRPM of another package', async (t) => {
  const root = await tempDir(t)
  const srpmPath = await makeSrpm(t, '1')
  const other = { ...place, package_name: 'other' }
  const importing = importSrpm({
    root,
    ...other,
    srpmPath,
    branches: ['f43'],
    limits,
    now: new Date(),
  })
  await assert.rejects(importing, /Cannot import hello: the build is for the package other/)
  assert.deepEqual(await listTree(root), [])
})

/** A program that imports SRPMs, and kills itself when it is about to log line number `line`. */
const IMPORT = `
  const [, root, line, ...srpms] = process.argv
  let said = 0
  const say = (words) => {
    if (++said === Number(line)) process.kill(process.pid, 'SIGKILL')
    if (said === 1) process.stdout.write('started')
  }
  const { importSrpm } = await import(${JSON.stringify(new URL('import.ts', import.meta.url).href)})
  for (const srpmPath of srpms)
    await importSrpm({ root, srpmPath, say, ...${JSON.stringify({ ...place, limits })},
      branches: ['f43', 'epel10'], now: new Date(0) })
`

async function importAndDie(root: string, srpm: string, line: number, ms?: number): Promise<void> {
  const args = ['--input-type=module', '-e', IMPORT, root, String(line), srpm]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  if (ms !== undefined) {
    await once(child.stdout, 'data')
    await sleep(ms)
    child.kill('SIGKILL')
  }
  await closed
}

/** Checks that everything readers can see is complete, no matter when the import was killed. */
async function checkWhole(root: string): Promise<void> {
  const dir = repositoryOf(root)
  if (await stat(dir).catch(() => undefined)) await git('-C', dir, 'fsck', '--strict')
  for (const path of await listTree(join(root, 'lookaside')))
    assert.equal(
      createHash('md5')
        .update(await readFile(path))
        .digest('hex'),
      path.split('/').at(-2),
    )
}

test('an import that is killed at any point leaves nothing incomplete, and can be retried', async (t) => {
  const srpm = await makeSrpm(t, '1')
  const expected = await importTo(await tempDir(t), srpm)
  const root = await tempDir(t)
  const lines = [1, 2, 3, 4].map((line) => ({ line, ms: undefined }))
  const moments = [0, 5, 10, 15, 20, 30, 40].map((ms) => ({ line: 0, ms }))
  for (const { line, ms } of [...lines, ...moments]) {
    for (const kind of ['git', 'lookaside'])
      await rm(join(root, kind), { recursive: true, force: true })
    await importAndDie(root, srpm, line, ms)
    await checkWhole(root)
    assert.deepEqual(await importTo(root, srpm), expected)
    await checkWhole(root)
  }
  assert.notDeepEqual(await listTree(join(root, 'tmp')), [])
  await sweepTemp(root, new Date())
  assert.deepEqual(await listTree(join(root, 'tmp')), [])
})

test('importHandler() reports the commits and keeps a log', async (t) => {
  const root = await tempDir(t)
  const { context, log } = fakeContext(await makeSrpm(t, '1'))
  const outcome = await importHandler({ root, limits })(importTask(), context)
  assert.ok(outcome.outcome === 'succeeded')
  assert.equal(
    outcome.branch_commits?.['f43'],
    await git('-C', repositoryOf(root), 'rev-parse', 'f43'),
  )
  assert.match(log.join(''), /import\.log: f43: commit [0-9a-f]{40}\n$/)
  assert.deepEqual(await listTree(join(root, 'tmp')), [])
})

test('importHandler() fails the build if the SRPM is damaged, and throws if the machine is at fault', async (t) => {
  const root = await tempDir(t)
  const srpm = await makeSrpm(t, '1')
  await truncate(srpm, (await stat(srpm)).size - 20)
  const { context, log } = fakeContext(srpm)
  const outcome = await importHandler({ root, limits })(importTask(), context)
  assert.ok(outcome.outcome === 'failed')
  assert.match(outcome.reason, /^Cannot read hello\.src\.rpm: /)
  assert.ok(log.includes(`import.log: ${outcome.reason}\n`))
  assert.deepEqual(
    [outcome.failure?.category, outcome.failure?.log],
    ['verification', 'import.log'],
  )
  assert.equal(outcome.failure?.excerpt?.lines.at(-1), outcome.reason)
  assert.deepEqual(await listTree(root), [])

  await mkdir(join(root, 'git', 'dana', 'tools'), { recursive: true })
  await writeFile(join(root, 'git', 'dana', 'tools', 'hello.git'), 'in the way')
  const fine = fakeContext(await makeSrpm(t, '1'))
  await assert.rejects(
    async () => await importHandler({ root, limits })(importTask(), fine.context),
  )
})
