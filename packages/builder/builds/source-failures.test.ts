import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { FailureCategory } from '@copr/contract/failure'
import { specOf } from '../src/testing/engine-suite.ts'
import { gitServer, repositoryWithSubmodule, testRepository } from '../src/testing/git-server.ts'
import {
  runSource,
  serve,
  skip,
  sourceTask,
  urlOf,
  useSources,
} from '../src/testing/source-suite.ts'
import { type SvnServer, svnRepository, svnServer } from '../src/testing/svn-server.ts'
import { MACHINE_ADDRESS } from '@copr/testkit/system/machine-address'
import { makeFromDistgit } from '../src/sources/from-distgit.ts'
import { makeFromScm } from '../src/sources/from-scm.ts'
import type { MadeTask } from '../src/sources/from-script.ts'

useSources()

const MAX_SRPM_BYTES = 20_000
const MD5 = 'd41d8cd98f00b204e9800998ecf8427e'
const dir = await mkdtemp(join(tmpdir(), 'copr-failures-'))
let svn: SvnServer | undefined

const FILES = {
  'tool.spec': specOf({ name: 'tool', head: 'Source0: data.txt' }),
  'data.txt': 'data\n',
  'two/a.spec': specOf({ name: 'a' }),
  'two/b.spec': specOf({ name: 'b' }),
  'none/README': 'x',
  'links/etc.spec': '->/etc/passwd',
  'links/up': '->../..',
  'link-source/tool.spec': specOf({ name: 'tool', head: 'Source0: data.txt' }),
  'link-source/data.txt': '->/etc/passwd',
  'bad/a.spec': specOf({ name: '{{{ false }}}' }),
  'open/a.spec': specOf({ name: '{{{ x' }),
  'missing/a.spec': specOf({ name: 'a', head: 'Source0: data.txt' }),
  'big/big.spec': specOf({ name: 'big', head: 'Source0: big.bin' }),
  'syntax/a.spec': 'Name: a\n%if\n',
  'git/a.spec': specOf({ name: '{{{ git_dir_name }}}' }),
  // Not compressible.
  'big/big.bin': Array.from({ length: 20_000 }, (_, i) =>
    Math.sin(i).toString(36).slice(3, 7),
  ).join(''),
  '.copr/Makefile': 'srpm:\n\techo broken; exit 4\n',
}

before(async () => {
  if (skip) return
  serve('/git/', gitServer(dir, '/git'))
  serve('/inward/', (request, response) =>
    response.writeHead(301, { location: `http://10.1.2.3${request.url}` }).end(),
  )
  serve('/private/', (_, response) =>
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
  )
  serve('/page', '<html>')
  serve('/slow/', () => undefined)
  serve('/broken/', (_, response) => response.writeHead(503).end())
  serve('/lookaside/large', Buffer.alloc(MAX_SRPM_BYTES + 1))
  serve('/lookaside/other', 'other content')

  const tool = await testRepository(join(dir, 'tool.git'))
  const commit = await tool.commit(FILES)
  await testRepository(join(dir, 'empty.git'))
  const plain = await testRepository(join(dir, 'plain.git'))
  await plain.commit({ 'plain.spec': specOf({ name: 'plain' }) })
  for (const [name, url] of SUBMODULES)
    await repositoryWithSubmodule(join(dir, `${name}.git`), { url, commit })

  svn = await svnServer(dir, MACHINE_ADDRESS ?? '')
  await (await svnRepository(join(dir, 'svn'))).commit(FILES)
  for (const [name, url] of EXTERNALS)
    await (await svnRepository(join(dir, `svn-${name}`))).commit({ 'a.spec': 'x' }, `${url} vendor`)

  for (const [name, files] of Object.entries(PACKAGES))
    await (await testRepository(join(dir, 'rpms', `${name}.git`))).commit(files)
})
after(async () => {
  await svn?.[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

const SUBMODULES = [
  ['inward', 'http://10.1.2.3/x.git'],
  ['file', 'file:///etc'],
  ['ext', 'ext::sh -c id'],
] as const
const EXTERNALS = [
  ['inward', 'http://10.1.2.3/x'],
  ['file', 'file:///etc'],
  ['ssh', 'svn+ssh://10.1.2.3/x'],
] as const

const SPEC = specOf({ name: 'tool', head: 'Source0: data.txt' })
/** Repositories of another dist-git. */
const PACKAGES: Record<string, Record<string, string>> = {
  tool: { 'tool.spec': SPEC },
  none: { README: 'x' },
  two: { 'a.spec': SPEC, 'b.spec': SPEC },
  'link-spec': { 'link-spec.spec': '->/etc/passwd' },
  'link-list': { 'tool.spec': SPEC, sources: '->/etc/passwd' },
  'link-source': { 'tool.spec': SPEC, 'data.txt': '->/etc/passwd' },
  words: { 'tool.spec': SPEC, sources: 'something else\n' },
  escape: { 'tool.spec': SPEC, sources: `${MD5}  ../data.txt\n` },
  option: { 'tool.spec': SPEC, sources: `${MD5}  -data.txt\n` },
  gone: { 'tool.spec': SPEC, sources: `${MD5}  gone\n` },
  large: { 'tool.spec': SPEC, sources: `${MD5}  large\n` },
  other: { 'tool.spec': SPEC, sources: `${MD5}  other\n` },
  syntax: { 'tool.spec': 'Name: a\n%if\n' },
}
const LAYOUT = () => ({ lookaside_url: urlOf('/lookaside/{filename}?{hash}') })

interface Case {
  title: string
  settings: () => Record<string, unknown>
  reason: RegExp
  category: FailureCategory
  limits?: Parameters<typeof sourceTask>[1]
}
const of = (
  category: FailureCategory,
  title: string,
  settings: Case['settings'] | Record<string, unknown>,
  reason: RegExp,
  limits?: Case['limits'],
): Case => ({
  title,
  settings: typeof settings === 'function' ? settings : () => settings,
  reason,
  category,
  ...(limits && { limits }),
})

/** Failures that a repository can have in git and in Subversion. */
const OF_SCM: Case[] = [
  of(
    'prep',
    'no such directory',
    { subdirectory: 'gone' },
    /^the repository has no directory gone$/,
  ),
  of('prep', 'no such spec', { spec: 'gone.spec' }, /^the repository has no file gone\.spec$/),
  of(
    'prep',
    'two specs',
    { subdirectory: 'two' },
    /^two contains 2 spec files: name one of a\.spec, b\.spec$/,
  ),
  of(
    'prep',
    'a spec outside',
    { subdirectory: 'links', spec: 'etc.spec' },
    /^etc\.spec is a symbolic link that points outside of the repository$/,
  ),
  of(
    'prep',
    'a directory outside',
    { subdirectory: 'links/up' },
    /^links\/up is a symbolic link that points outside of the repository$/,
  ),
  of(
    'prep',
    'a source outside',
    { subdirectory: 'link-source' },
    /^the source data\.txt is a symbolic link that points outside of the repository$/,
  ),
  of(
    'prep',
    'a makefile that fails',
    { source_build_method: 'make_srpm' },
    /^make -f \.copr\/Makefile srpm exited with code 2: /,
  ),
  of(
    'resources',
    'a large source',
    { subdirectory: 'big' },
    /^the source package has .*, the limit is 19\.5 KiB$/,
    { limits: { max_srpm_bytes: MAX_SRPM_BYTES } },
  ),
  of(
    'prep',
    'an option as its URL',
    { clone_url: '--upload-pack=id' },
    /^Cannot clone --upload-pack=id: use a URL/,
  ),
  of(
    'prep',
    'an option as the host in its URL',
    { clone_url: 'http://-oProxyCommand=id/x' },
    /^Cannot clone http:\/\/-oProxyCommand=id\/x: use a URL/,
  ),
  of(
    'prep',
    'an option as its commit',
    { committish: '--orphan' },
    /^Cannot check out "--orphan": it is not a branch, tag or commit$/,
  ),
  of(
    'prep',
    'an option as its directory',
    { subdirectory: '-P' },
    /^Cannot use the subdirectory "-P"/,
  ),
  of('prep', 'an option as its spec', { spec: '-x.spec' }, /^Cannot use the spec "-x\.spec"/),
  of(
    'prep',
    'a directory above it',
    { subdirectory: 'a/../..' },
    /^Cannot use the subdirectory "a\/\.\.\/\.\."/,
  ),
  of('prep', 'a spec above it', { spec: '../x.spec' }, /^Cannot use the spec "\.\.\/x\.spec"/),
  of(
    'prep',
    'a file: URL',
    { clone_url: 'file:///etc' },
    /^Cannot clone file:\/\/\/etc: use a URL that begins with http:\/\/, https:\/\//,
  ),
  of(
    'prep',
    'a command as its URL',
    { clone_url: 'ext::sh -c id' },
    /^Cannot clone ext::sh -c id: use a URL/,
  ),
]

const TABLE: Record<'git' | 'svn' | 'distgit', Case[]> = {
  git: [
    of(
      'network',
      'an unknown host',
      { clone_url: 'https://name.invalid/x.git' },
      /^cannot clone https:\/\/name\.invalid\/x\.git: the host name\.invalid is unknown$/,
    ),
    of(
      'network',
      'a port where nothing answers',
      { clone_url: `http://${MACHINE_ADDRESS}:1/x.git` },
      /: nothing answers at .* port 1$/,
    ),
    of(
      'network',
      'a URL that does not exist',
      () => ({ clone_url: urlOf('/git/nothing.git') }),
      /^cannot clone http:.*\/nothing\.git: there is no repository at this URL$/,
    ),
    of(
      'network',
      'a server that fails',
      () => ({ clone_url: urlOf('/broken/x.git') }),
      /^cannot clone http:.*\/x\.git: the server responded with 503$/,
    ),
    of(
      'network',
      'a private address',
      { clone_url: 'http://10.1.2.3/x.git' },
      /: 10\.1\.2\.3 is a private address, which is not allowed$/,
    ),
    of(
      'network',
      'a private address in a git: URL',
      { clone_url: 'git://10.1.2.3/x.git' },
      /: 10\.1\.2\.3 is a private address/,
    ),
    of(
      'network',
      'a redirect to a private address',
      () => ({ clone_url: urlOf('/inward/') }),
      /^cannot clone http:.*\/inward\/: 10\.1\.2\.3 is a private address, which is not allowed$/,
    ),
    of(
      'network',
      'a server that asks for a password',
      () => ({ clone_url: urlOf('/private/') }),
      /: it is not public, or does not exist: the server asks for a password$/,
    ),
    of(
      'network',
      'a secret in a URL that does not exist',
      () => ({ clone_url: urlOf('/git/x.git').replace('//', '//jane:pa55word@') }),
      /^cannot clone http:\/\/\*\*\*@.*: there is no repository/,
    ),
    of(
      'prep',
      'a user name in a git: URL',
      { clone_url: 'git://jane:pa55word@git.example.org/x' },
      /^Cannot clone git:\/\/\*\*\*@git\.example\.org\/x: passwords are sent to http/,
    ),
    of(
      'prep',
      'no commits',
      () => ({ clone_url: urlOf('/git/empty.git') }),
      /^http:.*\/empty\.git has no commits: it is empty, or not a git repository$/,
    ),
    of(
      'prep',
      'a web page as its URL',
      () => ({ clone_url: urlOf('/page') }),
      /^http:.*\/page has no commits/,
    ),
    of(
      'prep',
      'no such branch',
      { committish: 'gone' },
      /^the repository http:.*\/tool\.git has no branch, tag or commit "gone"$/,
    ),
    of(
      'prep',
      'no such ref',
      { committish: 'refs/heads/gone' },
      /has no branch, tag or commit "refs\/heads\/gone"$/,
    ),
    of(
      'timeout',
      'a server that does not answer',
      () => ({ clone_url: urlOf('/slow/x.git') }),
      /^the build took longer than its timeout of 4 seconds$/,
      { timeout_seconds: 4 },
    ),
    of(
      'network',
      'a submodule at a private address',
      () => ({ clone_url: urlOf('/git/inward.git') }),
      /^cannot clone the submodule vendor from http:\/\/10\.1\.2\.3\/x\.git: 10\.1\.2\.3 is a private address/,
    ),
    of(
      'network',
      'a submodule with a file: URL',
      () => ({ clone_url: urlOf('/git/file.git') }),
      /^cannot clone the submodule vendor from file:\/\/\/etc: file URLs are not allowed$/,
    ),
    of(
      'network',
      'a submodule that is a command',
      () => ({ clone_url: urlOf('/git/ext.git') }),
      /^cannot clone the submodule vendor from ext::sh -c id: ext URLs are not allowed$/,
    ),
    of(
      'prep',
      'no settings of tito',
      { source_build_method: 'tito' },
      /^tito build --srpm exited with code \d+: /,
    ),
    of('prep', 'no spec', { subdirectory: 'none' }, /^none contains no spec file: name/),
    of(
      'prep',
      'its only spec outside',
      { subdirectory: 'links' },
      /^etc\.spec is a symbolic link that points outside of the repository$/,
    ),
    of(
      'prep',
      'a missing source',
      { subdirectory: 'missing' },
      /^the spec names data\.txt without a URL, and the source does not contain it/,
    ),
    of(
      'macros',
      'a spec with a syntax error',
      { subdirectory: 'syntax' },
      /^cannot create the SRPM: rpmbuild -bs exited with code 1: line 2: Unknown tag: %if$/,
    ),
    of(
      'prep',
      'a template that fails',
      { subdirectory: 'bad' },
      /^rendering the spec file exited with code 1: error: \{\{\{ false \}\}\} failed$/,
    ),
    of(
      'prep',
      'a template without an end',
      { subdirectory: 'open' },
      /: error: the spec contains \{\{\{ without \}\}\}$/,
    ),
    of(
      'prep',
      'no makefile',
      () => ({ clone_url: urlOf('/git/plain.git'), source_build_method: 'make_srpm' }),
      /^the repository has no file \.copr\/Makefile$/,
    ),
    ...OF_SCM,
  ],
  svn: [
    of(
      'network',
      'an unknown host',
      { clone_url: 'svn://name.invalid/x' },
      /^cannot clone svn:\/\/name\.invalid\/x: the host name\.invalid is unknown$/,
    ),
    of(
      'network',
      'an unknown host in an http: URL',
      { clone_url: 'http://name.invalid/x' },
      /: the host name\.invalid is unknown$/,
    ),
    of(
      'network',
      'a port where nothing answers',
      { clone_url: `svn://${MACHINE_ADDRESS}:1/x` },
      /: nothing answers at .* port 1$/,
    ),
    of(
      'network',
      'a URL that does not exist',
      () => ({ clone_url: svn?.url('nothing') }),
      /^cannot clone svn:.*\/nothing: there is no Subversion repository at this URL$/,
    ),
    of(
      'network',
      'a path that does not exist',
      () => ({ clone_url: svn?.url('svn/nothing') }),
      /^cannot clone svn:.*\/nothing: there is no Subversion repository at this URL$/,
    ),
    of(
      'network',
      'a web server',
      () => ({ clone_url: urlOf('/nothing') }),
      /^cannot clone http:.*\/nothing: there is no Subversion repository at this URL$/,
    ),
    of(
      'network',
      'a web page as its URL',
      () => ({ clone_url: urlOf('/page') }),
      /: there is no Subversion repository at this URL$/,
    ),
    of(
      'network',
      'a private address',
      { clone_url: 'svn://10.1.2.3/x' },
      /: 10\.1\.2\.3 is a private address, which is not allowed$/,
    ),
    of(
      'network',
      'a private address in an http: URL',
      { clone_url: 'http://10.1.2.3/x' },
      /: 10\.1\.2\.3 is a private address, which is not allowed$/,
    ),
    of(
      'network',
      'a redirect to a private address',
      () => ({ clone_url: urlOf('/inward/x') }),
      /: 10\.1\.2\.3 is a private address, which is not allowed$/,
    ),
    of(
      'network',
      'a server that asks for a password',
      () => ({ clone_url: urlOf('/private/x') }),
      /: the server asks for a password, or refuses the one that it was sent$/,
    ),
    of(
      'network',
      'a secret in a URL that does not exist',
      () => ({ clone_url: urlOf('/nothing').replace('//', '//jane:pa55word@') }),
      /^cannot clone http:\/\/\*\*\*@.*: there is no Subversion repository/,
    ),
    of(
      'prep',
      'a user name in an svn: URL',
      { clone_url: 'svn://jane:pa55word@svn.example.org/x' },
      /^Cannot clone svn:\/\/\*\*\*@svn\.example\.org\/x: passwords are sent to http/,
    ),
    of(
      'prep',
      'no such revision',
      { committish: '99' },
      /^the repository svn:.* has no revision 99$/,
    ),
    of(
      'prep',
      'a branch as its revision',
      { committish: 'main' },
      /^Cannot check out "main": with Subversion, use the number of a revision or HEAD/,
    ),
    of(
      'timeout',
      'a server that does not answer',
      () => ({ clone_url: urlOf('/slow/x') }),
      /^the build took longer than its timeout of 4 seconds$/,
      { timeout_seconds: 4 },
    ),
    of(
      'network',
      'an external at a private address',
      () => ({ clone_url: svn?.url('svn-inward') }),
      /^cannot clone the external .*vendor from http:\/\/10\.1\.2\.3\/x: 10\.1\.2\.3 is a private address/,
    ),
    of(
      'network',
      'an external with a file: URL',
      () => ({ clone_url: svn?.url('svn-file') }),
      /^cannot clone the external .*vendor from file:\/\/\/etc: file URLs are not allowed$/,
    ),
    of(
      'network',
      'an external over ssh',
      () => ({ clone_url: svn?.url('svn-ssh') }),
      /^cannot clone the external .*vendor from svn\+ssh:\/\/10\.1\.2\.3\/x: svn\+ssh URLs are not allowed$/,
    ),
    of(
      'prep',
      'the method tito',
      { source_build_method: 'tito' },
      /^Cannot run tito in a Subversion repository/,
    ),
    of(
      'prep',
      'templates for git',
      { subdirectory: 'git' },
      /: error: the functions git_\.\.\. need a git repository$/,
    ),
    ...OF_SCM,
  ],
  distgit: [
    of(
      'network',
      'an unknown host',
      { clone_url: 'https://name.invalid/rpms/x.git' },
      /: the host name\.invalid is unknown$/,
    ),
    of(
      'network',
      'no such package',
      { name: 'nothing' },
      /^cannot clone http:.*\/rpms\/nothing\.git: there is no repository at this URL$/,
    ),
    of(
      'network',
      'a private address',
      { clone_url: 'http://10.1.2.3/x.git' },
      /: 10\.1\.2\.3 is a private address/,
    ),
    of('prep', 'no such branch', { committish: 'f99' }, /has no branch, tag or commit "f99"$/),
    of('prep', 'an option as its branch', { committish: '-f99' }, /^Cannot check out "-f99"/),
    of(
      'prep',
      'an instance that was removed',
      { layout: undefined },
      /^this site has no dist-git "test" any more$/,
    ),
    of('prep', 'no spec', { name: 'none' }, /^the top of the repository contains no spec file/),
    of(
      'prep',
      'two specs with other names',
      { name: 'two' },
      /^the top of the repository contains 2 spec files: name one of a\.spec, b\.spec$/,
    ),
    of(
      'prep',
      'its spec outside',
      { name: 'link-spec' },
      /^link-spec\.spec is a symbolic link that points outside of the repository$/,
    ),
    of(
      'prep',
      'its list of sources outside',
      { name: 'link-list' },
      /^the file sources is a symbolic link that points outside of the repository$/,
    ),
    of(
      'prep',
      'a source outside',
      { name: 'link-source' },
      /^the source data\.txt is a symbolic link that points outside of the repository$/,
    ),
    of(
      'prep',
      'a source that is not listed',
      { name: 'tool' },
      /^the spec names data\.txt, which is neither in the repository nor in its file sources$/,
    ),
    of(
      'prep',
      'a list that is none',
      { name: 'words' },
      /^Cannot read the sources file: expected a digest and a file name, found "something else"$/,
    ),
    of(
      'prep',
      'a listed source above it',
      { name: 'escape' },
      /^Cannot use the source file "\.\.\/data\.txt": its name /,
    ),
    of(
      'prep',
      'an option as a listed source',
      { name: 'option' },
      /^Cannot use the source file "-data\.txt": its name /,
    ),
    of(
      'network',
      'a listed source that does not exist',
      { name: 'gone' },
      /^The server responded with 404 Not Found for http:.*\/lookaside\/gone/,
    ),
    of(
      'resources',
      'a large listed source',
      { name: 'large' },
      /\/lookaside\/large.* is larger than the limit of 20000 bytes$/,
      { limits: { max_srpm_bytes: MAX_SRPM_BYTES } },
    ),
    of(
      'verification',
      'a listed source with other content',
      { name: 'other' },
      /\/lookaside\/other.* has the wrong content: expected md5 d41d8cd98f00b204e9800998ecf8427e, received/,
    ),
    of(
      'prep',
      'a list, but no lookaside cache',
      { name: 'gone', layout: {} },
      /^the source gone is not in the repository, and this site knows no lookaside cache of the dist-git test$/,
    ),
    of(
      'network',
      'a lookaside cache at a private address',
      { name: 'gone', layout: { lookaside_url: 'http://10.1.2.3/{hash}' } },
      /10\.1\.2\.3/,
    ),
    of(
      'network',
      'a lookaside cache that redirects to a private address',
      () => ({ name: 'gone', layout: { lookaside_url: urlOf('/inward/{hash}') } }),
      /10\.1\.2\.3/,
    ),
    of(
      'timeout',
      'a lookaside cache that does not answer',
      () => ({ name: 'gone', layout: { lookaside_url: urlOf('/slow/{hash}') } }),
      /^the build took longer than its timeout of 8 seconds$/,
      { timeout_seconds: 8 },
    ),
    of(
      'macros',
      'a spec with a syntax error',
      { name: 'syntax' },
      /^cannot create the SRPM: rpmbuild -bs exited with code 1: /,
    ),
    of(
      'network',
      'a secret in the URL',
      () => ({ clone_url: urlOf('/git/x.git').replace('//', '//jane:pa55word@') }),
      /^cannot clone http:\/\/\*\*\*@.*: there is no repository/,
    ),
  ],
}

function taskOf(type: keyof typeof TABLE, { settings, limits }: Case): MadeTask {
  const given = settings()
  if (type !== 'distgit') {
    const clone_url = type === 'git' ? urlOf('/git/tool.git') : svn?.url('svn')
    return sourceTask({ type: 'scm', settings: { type, clone_url, ...given } }, limits) as MadeTask
  }
  const clone_url = urlOf(
    `/git/rpms/${typeof given['name'] === 'string' ? given['name'] : 'tool'}.git`,
  )
  const layout = LAYOUT()
  return sourceTask(
    { type, settings: { distgit: 'test', clone_url, layout, ...given } },
    limits,
  ) as MadeTask
}

for (const type of ['git', 'svn', 'distgit'] as const)
  for (const one of TABLE[type])
    test(
      `a source of type ${type} that has ${one.title} fails with a reason`,
      { skip },
      async () => {
        const task = taskOf(type, one)
        const make = type === 'distgit' ? makeFromDistgit : makeFromScm
        const ended = await runSource((_, ...more) => make(task, ...more), task)
        assert.match(ended.reason, one.reason, ended.log)
        assert.ok(ended.outcome.outcome === 'failed' && ended.outcome.failure)
        assert.equal(ended.outcome.failure.category, one.category)
        assert.doesNotMatch(ended.reason, /\n/)
        assert.doesNotMatch(ended.log + JSON.stringify(ended.outcome), /pa55/)
        assert.deepEqual(ended.context.unclean, [])
      },
    )
