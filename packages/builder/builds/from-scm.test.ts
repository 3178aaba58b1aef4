import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ScmSettings } from '@copr/contract/made-sources'
import { runOrThrow } from '@copr/process/run'
import { specOf } from '../src/testing/engine-suite.ts'
import {
  gitServer,
  repositoryWithSubmodule,
  type TestRepository,
  testRepository,
} from '../src/testing/git-server.ts'
import {
  contentOf,
  runSource,
  serve,
  skip,
  sourceTask,
  urlOf,
  useSources,
} from '../src/testing/source-suite.ts'
import { makeFromScm } from '../src/sources/from-scm.ts'
import type { MadeTask } from '../src/sources/from-script.ts'

useSources()

const dir = await mkdtemp(join(tmpdir(), 'copr-repositories-'))
after(() => rm(dir, { recursive: true }))
let tool: TestRepository
let second = ''

before(async () => {
  if (skip) return
  serve('/git/', gitServer(dir, '/git'))
  tool = await testRepository(join(dir, 'tool.git'))
  await tool.commit({
    'tool.spec': specOf({ name: 'tool', head: 'Source0: data.txt' }),
    'data.txt': 'first\n',
    'sub/other.spec': specOf({ name: 'other' }),
    'two/a.spec': specOf({ name: 'a' }),
    'two/b.spec': specOf({ name: 'b' }),
    '.copr/Makefile': `srpm:
\ttest "$$(id -u)" = 0
\tgit -C $(dir $(spec)) log -1 --oneline
\trpmbuild -bs --nodeps --define "_srcrpmdir $(outdir)" --define "_sourcedir $$(pwd)" --define "dist %{nil}" $(spec)
`,
  })
  await tool.git('tag', 'v1')
  await tool.git('branch', 'old')
  await tool.git('update-ref', 'refs/pull/7/head', 'HEAD')
  second = await tool.commit({ 'data.txt': 'second\n' })
  const template = await testRepository(join(dir, 'template.git'))
  await template.commit({
    'template.spec.rpkg': specOf({
      name: '{{{ git_dir_name }}}',
      head: 'Source0: {{{ git_dir_pack }}}\nVCS: {{{ git_dir_vcs }}}',
    })
      .replace('Version: 1.0', 'Version: {{{ git_dir_version }}}')
      .replace('%prep\n', '%prep\n{{{ git_dir_setup_macro }}}\n')
      .concat('%changelog\n{{{ git_dir_changelog }}}\n'),
    'pkg/own.spec': specOf({ name: '{{{ git_dir_name }}}' }).replace(
      'Version: 1.0',
      'Version: {{{ own_version; own_version }}}',
    ),
    'rpkg.conf': '[rpkg]\nuser_macros = "${git_props:root}/own.bash"\n',
    'own.bash': 'n=0\nown_version() { n=$((n+1)); output $n; }\n',
    'data/file': 'content',
  })
  await template.git('tag', '-a', 'template-1.2-1', '-m', 'Release 1.2', '-m', 'New things at 100%')
  await template.git('branch', 'tagged')
  await template.commit({ 'data/file': 'new content' })
  const tito = await testRepository(join(dir, 'tito.git'))
  await tito.commit({
    'tool.spec': specOf({ name: 'tool', head: 'Source0: %{name}-%{version}.tar.gz' }).replace(
      'Version: 1.0',
      'Version: 1.1',
    ),
    'data.txt': 'released\n',
    '.tito/tito.props':
      '[buildconfig]\nbuilder = tito.builder.Builder\ntagger = tito.tagger.VersionTagger\n',
    '.tito/packages/tool': '1.1-1 ./\n',
  })
  await tito.git('tag', '-a', 'tool-1.1-1', '-m', 'Release 1.1')
  await tito.commit({ 'data.txt': 'after the release\n' })
  const module = await testRepository(join(dir, 'module.git'))
  await module.commit({ 'module.txt': 'from the submodule\n' })
  const commit = await module.git('rev-parse', 'HEAD')
  await repositoryWithSubmodule(join(dir, 'parent.git'), { url: '../module.git', commit })
})

async function scm(settings: Partial<ScmSettings>, options?: Parameters<typeof sourceTask>[1]) {
  const source = {
    type: 'scm' as const,
    settings: { clone_url: urlOf('/git/tool.git'), ...settings },
  }
  const task = sourceTask(source, options) as MadeTask
  return await runSource((_, ...more) => makeFromScm(task, ...more), task)
}

/** Returns whether data.txt in an SRPM has the given content. If there is no data.txt, its content counts as ''. */
async function hasData(srpm: string, content: string): Promise<boolean> {
  const format = '[%{FILENAMES} %{FILEDIGESTS}\n]'
  const list = await runOrThrow('rpm', ['-qp', '--nosignature', '--qf', format, srpm])
  const digest = /^data\.txt (\w+)$/m.exec(list)?.[1]
  if (digest === undefined) return content === ''
  return (
    digest ===
    createHash(digest.length === 32 ? 'md5' : 'sha256')
      .update(content)
      .digest('hex')
  )
}

for (const [title, settings, nvr, data] of [
  ['the default branch', {}, 'tool-1.0-1', 'second\n'],
  ['a branch', { committish: 'old' }, 'tool-1.0-1', 'first\n'],
  ['a tag', { committish: 'v1' }, 'tool-1.0-1', 'first\n'],
  ['a pull request', { committish: 'refs/pull/7/head' }, 'tool-1.0-1', 'first\n'],
  ['a spec file', { spec: 'tool.spec' }, 'tool-1.0-1', 'second\n'],
  ['a subdirectory', { subdirectory: 'sub' }, 'other-1.0-1', ''],
  ['a spec in a subdirectory', { subdirectory: '/two/', spec: 'b.spec' }, 'b-1.0-1', ''],
  ['a spec from the top', { subdirectory: 'two', spec: '/sub/other.spec' }, 'other-1.0-1', ''],
  ['a makefile', { source_build_method: 'make_srpm', spec: 'tool.spec' }, 'tool-1.0-1', 'second\n'],
] as [string, Partial<ScmSettings>, string, string][])
  test(`an SRPM is made of a git repository: ${title}`, { skip }, async () => {
    const { outcome, srpm, log } = await scm(settings)
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.ok(srpm)
    assert.equal((await contentOf(srpm[1])).nvr, nvr)
    assert.ok(await hasData(srpm[1], data))
  })

test('a commit is checked out by its id, and submodules are cloned', { skip }, async () => {
  const byId = await scm({ committish: second.slice(0, 12) })
  assert.equal(byId.outcome.outcome, 'succeeded', byId.log)
  const { outcome, srpm, log } = await scm({ clone_url: urlOf('/git/parent.git') })
  assert.equal(outcome.outcome, 'succeeded', log)
  assert.deepEqual(srpm && (await contentOf(srpm[1])).files, ['module.txt', 'package.spec'])
})

test(
  'rpkg templates get the name, version and archive from the git repository',
  { skip },
  async () => {
    const clone_url = urlOf('/git/template.git')
    const tagged = await scm({ clone_url, committish: 'tagged' })
    assert.equal(tagged.outcome.outcome, 'succeeded', tagged.log)
    const { nvr, files } = await contentOf(tagged.srpm?.[1] ?? '')
    assert.equal(nvr, 'template-1.2-1')
    assert.match(files.join(' '), /^template-[0-9a-f]{8}\.tar\.gz template\.spec$/)
    const query = [
      '-qp',
      '--nosignature',
      '--qf',
      '%{VCS}\n[%{CHANGELOGNAME}: %{CHANGELOGTEXT}\n]',
      tagged.srpm?.[1] ?? '',
    ]
    assert.match(
      await runOrThrow('rpm', query),
      /^git\+http:.*\/git\/template\.git#[0-9a-f]{40}:\nDana <dana@example\.org> 1\.2-1: - New things at 100%\n$/,
    )
    const later = await scm({ clone_url })
    assert.equal(later.outcome.outcome, 'succeeded', later.log)
    assert.match(
      (await contentOf(later.srpm?.[1] ?? '')).nvr,
      /^template-1\.2\.git\.1\.[0-9a-f]{8}-1$/,
    )
  },
)

test(
  'rpkg templates can call functions defined in the repository, and a variable set by a function keeps its value between calls',
  { skip },
  async () => {
    const { outcome, srpm, log } = await scm({
      clone_url: urlOf('/git/template.git'),
      subdirectory: 'pkg',
    })
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.equal((await contentOf(srpm?.[1] ?? '')).nvr, 'template-pkg-12-1')
  },
)

for (const [method, nvr, content] of [
  ['tito', 'tool-1.1-1', 'released\n'],
  // The release contains the hash of the commit, which differs in each run.
  ['tito_test', /^tool-1\.1-1\.git\.1\.[0-9a-f]{7}$/, 'after the release\n'],
] as const)
  test(`tito builds a repository: ${method}`, { skip }, async () => {
    const clone_url = urlOf('/git/tito.git')
    const { outcome, srpm, log } = await scm({ clone_url, source_build_method: method })
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.ok(srpm)
    const made = await contentOf(srpm[1])
    if (typeof nvr === 'string') assert.equal(made.nvr, nvr)
    else assert.match(made.nvr, nvr)
    const archive = made.files.find((name) => name.endsWith('.tar.gz')) ?? ''
    assert.equal(await fileInArchive(srpm[1], archive, 'data.txt'), content)
  })

/** Returns the content of a file at the top of an archive in an SRPM. */
async function fileInArchive(srpm: string, archive: string, name: string): Promise<string> {
  const script = `rpm2archive - <"$1" | tar -xzO --wildcards "*$2" | tar -xzO --wildcards "*/$3"`
  return await runOrThrow('sh', ['-c', script, 'sh', srpm, archive, name])
}
