import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ScmSettings } from '@copr/contract/made-sources'
import { runOrThrow } from '@copr/process/run'
import { fixture, specOf } from '../src/testing/engine-suite.ts'
import { gitServer, type TestRepository, testRepository } from '../src/testing/git-server.ts'
import { projectRepository } from '../src/testing/project-repository.ts'
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
    'none/README': 'x',
    'links/etc.spec': '->/etc/passwd',
    'links/up': '->../..',
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
  await testRepository(join(dir, 'empty.git'))
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
    'bad/a.spec': specOf({ name: '{{{ false }}}' }),
    'open/a.spec': specOf({ name: '{{{ x' }),
    'data/file': 'content',
  })
  await template.git('tag', '-a', 'template-1.2-1', '-m', 'Release 1.2', '-m', 'New things at 100%')
  await template.git('branch', 'tagged')
  await template.commit({ 'data/file': 'new content' })
  const makefiles = await testRepository(join(dir, 'makefiles.git'))
  await makefiles.commit({ '.copr/Makefile': 'srpm:\n\techo broken; exit 4\n' })
  const module = await testRepository(join(dir, 'module.git'))
  await module.commit({ 'module.txt': 'from the submodule\n' })
  for (const [name, url] of [
    ['parent', '../module.git'],
    ['inward', 'http://10.1.2.3/x.git'],
    ['file', 'file:///etc'],
    ['ext', 'ext::sh -c id'],
  ] as const) {
    const parent = await testRepository(join(dir, `${name}.git`))
    const head = 'Source0: module.txt'
    await parent.commit({
      'package.spec': specOf({ name: 'package', head }),
      'module.txt': '->vendor/module.txt',
      '.gitmodules': `[submodule "vendor"]\n\tpath = vendor\n\turl = ${url}\n`,
    })
    const commit = await module.git('rev-parse', 'HEAD')
    await parent.git('update-index', '--add', '--cacheinfo', `160000,${commit},vendor`)
    await parent.git('commit', '-q', '-m', 'Add a submodule')
  }
})

async function scm(settings: Partial<ScmSettings>, options?: Parameters<typeof sourceTask>[1]) {
  const source = {
    type: 'scm' as const,
    settings: { clone_url: urlOf('/git/tool.git'), ...settings },
  }
  const task = sourceTask(source, options) as MadeTask
  return await runSource((_, ...more) => makeFromScm(task, ...more), task)
}

/** Returns whether data.txt in an SRPM has this content; an SRPM without it has the content ''. */
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

const FAILURES: [title: string, settings: () => Partial<ScmSettings>, reason: RegExp][] = [
  [
    'does not exist',
    () => ({ clone_url: urlOf('/git/nothing.git') }),
    /^cannot clone http:.*\/nothing\.git: there is no repository at this URL$/,
  ],
  [
    'is on an unknown host',
    () => ({ clone_url: 'https://name.invalid/x.git' }),
    /^cannot clone https:\/\/name\.invalid\/x\.git: the host name\.invalid is unknown$/,
  ],
  [
    'is at a private address',
    () => ({ clone_url: 'http://10.1.2.3/x.git' }),
    /^cannot clone http:\/\/10\.1\.2\.3\/x\.git: 10\.1\.2\.3 is a private address, which is not allowed$/,
  ],
  [
    'is at a private address, with a git: URL',
    () => ({ clone_url: 'git://10.1.2.3/x.git' }),
    /^cannot clone git:\/\/10\.1\.2\.3\/x\.git: 10\.1\.2\.3 is a private address/,
  ],
  [
    'redirects to a private address',
    () => ({
      clone_url: serve('/inward/', (request, response) =>
        response.writeHead(302, { location: `http://10.1.2.3${request.url}` }).end(),
      ),
    }),
    /^cannot clone http:.*\/inward\/: 10\.1\.2\.3 is a private address, which is not allowed$/,
  ],
  [
    'asks for a password',
    () => ({
      clone_url: serve('/private/', (_, response) =>
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
      ),
    }),
    /^cannot clone http:.*\/private\/: it is not public: the server asks for a password$/,
  ],
  [
    'is empty',
    () => ({ clone_url: urlOf('/git/empty.git') }),
    /^http:.*\/empty\.git has no commits: it is empty, or not a git repository$/,
  ],
  [
    'is a web page',
    () => ({ clone_url: serve('/page', '<html>') }),
    /^http:.*\/page has no commits: it is empty, or not a git repository$/,
  ],
  [
    'has no such branch',
    () => ({ committish: 'gone' }),
    /^the repository http:.*\/tool\.git has no branch, tag or commit "gone"$/,
  ],
  [
    'has no such ref',
    () => ({ committish: 'refs/heads/gone' }),
    /^the repository http:.*\/tool\.git has no branch, tag or commit "refs\/heads\/gone"$/,
  ],
  [
    'has no such directory',
    () => ({ subdirectory: 'gone' }),
    /^the repository has no directory gone$/,
  ],
  ['has no such spec', () => ({ spec: 'gone.spec' }), /^the repository has no file gone\.spec$/],
  ['has no spec', () => ({ subdirectory: 'none' }), /^none contains no spec file: name/],
  [
    'has two specs',
    () => ({ subdirectory: 'two' }),
    /^two contains 2 spec files: name one of a\.spec, b\.spec$/,
  ],
  [
    'has its spec outside of it',
    () => ({ subdirectory: 'links', spec: 'etc.spec' }),
    /^etc\.spec is a link that leads out of the repository$/,
  ],
  [
    'has its only spec outside of it',
    () => ({ subdirectory: 'links' }),
    /^etc\.spec is a link that leads out of the repository$/,
  ],
  [
    'has its package in a directory outside of it',
    () => ({ subdirectory: 'links/up' }),
    /^links\/up is a link that leads out of the repository$/,
  ],
  [
    'has a submodule at a private address',
    () => ({ clone_url: urlOf('/git/inward.git') }),
    /^cannot clone the submodule vendor from http:\/\/10\.1\.2\.3\/x\.git: 10\.1\.2\.3 is a private address/,
  ],
  [
    'has a submodule with a file: URL',
    () => ({ clone_url: urlOf('/git/file.git') }),
    /^cannot clone the submodule vendor from file:\/\/\/etc: file URLs are not allowed$/,
  ],
  [
    'has a submodule that is a command',
    () => ({ clone_url: urlOf('/git/ext.git') }),
    /^cannot clone the submodule vendor from ext::sh -c id: ext URLs are not allowed$/,
  ],
  [
    'has a template that fails',
    () => ({ clone_url: urlOf('/git/template.git'), subdirectory: 'bad' }),
    /^rendering the spec file exited with code 1: error: \{\{\{ false \}\}\} failed$/,
  ],
  [
    'has a template without an end',
    () => ({ clone_url: urlOf('/git/template.git'), subdirectory: 'open' }),
    /^rendering the spec file exited with code 1: error: the spec contains \{\{\{ without \}\}\}$/,
  ],
  [
    'needs tito where the chroot has none',
    () => ({ source_build_method: 'tito' }),
    /^Packages needed for the build are missing: nothing provides tito$/,
  ],
  [
    'has no makefile',
    () => ({ clone_url: urlOf('/git/parent.git'), source_build_method: 'make_srpm' }),
    /^the repository has no file \.copr\/Makefile$/,
  ],
  [
    'has a makefile that fails',
    () => ({ clone_url: urlOf('/git/makefiles.git'), source_build_method: 'make_srpm' }),
    /^make -f \.copr\/Makefile srpm exited with code 2: /,
  ],
  [
    'has a file: URL',
    () => ({ clone_url: 'file:///etc' }),
    /^Cannot clone file:\/\/\/etc: use a URL that begins with http:\/\/, https:\/\/, git:\/\/$/,
  ],
  [
    'has a command as its URL',
    () => ({ clone_url: 'ext::sh -c id' }),
    /^Cannot clone ext::sh -c id: use a URL/,
  ],
  [
    'has an option as its URL',
    () => ({ clone_url: '--upload-pack=id' }),
    /^Cannot clone --upload-pack=id: use a URL/,
  ],
  [
    'has an option as the host in its URL',
    () => ({ clone_url: 'git://-oProxyCommand=id/x' }),
    /^Cannot clone git:\/\/-oProxyCommand=id\/x: use a URL/,
  ],
  [
    'has an option as its commit',
    () => ({ committish: '--orphan' }),
    /^Cannot check out "--orphan": it is not a branch, tag or commit$/,
  ],
  [
    'has an option as its directory',
    () => ({ subdirectory: '-P' }),
    /^Cannot use the subdirectory "-P"/,
  ],
  [
    'has its package in a directory above it',
    () => ({ subdirectory: 'a/../..' }),
    /^Cannot use the subdirectory "a\/\.\.\/\.\."/,
  ],
  ['has its spec above it', () => ({ spec: '../x.spec' }), /^Cannot use the spec "\.\.\/x\.spec"/],
]
for (const [title, settings, reason] of FAILURES)
  test(`a repository that ${title} fails with a reason`, { skip }, async () => {
    const ended = await scm(settings())
    assert.equal(ended.outcome.outcome, 'failed', ended.log)
    assert.match(ended.reason, reason, ended.log)
    assert.deepEqual(ended.context.unclean, [])
  })

test('rpkg templates yield the name, version and archive of a repository', { skip }, async () => {
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
})

test(
  'functions of the repository are available in its templates, and keep their variables',
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

/** A fake of tito, which only real distributions have: accepts tito's documented arguments, and makes an SRPM of the directory. */
const TITO = `Name: tito
Version: 1
Release: 1
Summary: x
License: MIT
BuildArch: noarch
%description
x
%install
install -d %{buildroot}/usr/bin
cat >%{buildroot}/usr/bin/tito <<'EOF'
#!/bin/sh -ex
test "$1 $2 $3" = 'build --srpm --output'
out=$4
shift 4
echo "more arguments: $*."
rpmbuild -bs --nodeps --define "_srcrpmdir $out" --define "_sourcedir $PWD" *.spec
EOF
chmod 755 %{buildroot}/usr/bin/tito
%files
/usr/bin/tito
`

test("tito is installed from the chroot's package and makes the SRPM", { skip }, async () => {
  const { repos, add } = await projectRepository('tito')
  await add('tito', { spec: TITO })
  const root = { chroot: fixture.chroot, macros: {}, repos }
  for (const [method, more] of [
    ['tito', ''],
    ['tito_test', '--test'],
  ] as const) {
    const { outcome, srpm, log } = await scm({ source_build_method: method }, { root })
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.ok(log.includes(`\nmore arguments: ${more}.\n`), log)
    assert.equal((await contentOf(srpm?.[1] ?? '')).nvr, 'tool-1.0-1')
  }
})

test('a password in the URL appears nowhere', { skip }, async () => {
  const clone_url = urlOf('/git/tool.git').replace('//', '//jane:pa55word@')
  const good = await scm({ clone_url, source_build_method: 'make_srpm', spec: 'tool.spec' })
  assert.equal(good.outcome.outcome, 'succeeded', good.log)
  const bad = await scm({ clone_url: clone_url.replace('tool', 'gone') })
  assert.match(bad.reason, /^cannot clone http:\/\/\*\*\*@.*: there is no repository/)
  assert.doesNotMatch(good.log + bad.log + bad.reason, /pa55word/)
})
