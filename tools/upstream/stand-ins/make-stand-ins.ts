import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import {
  testRepository,
  type TestRepository,
} from '../../../packages/builder/src/testing/git-server.ts'
import { specText, type SpecValues } from './spec-text.ts'

type Files = Record<string, string>

/**
 * Writes the files that upstream's tests download: `dir/HOST/PATH` is served at `https://HOST/PATH`, and a directory with a HEAD file as a
 * git repository. All contents are generated here; only names and URLs are upstream's.
 */
export async function makeStandIns(dir: string): Promise<void> {
  await makeSrpms(join(dir, 'github.com/fedora-copr/copr-test-sources/raw/main'))
  await makeTestHello(join(dir, 'github.com/fedora-copr/copr-test-hello.git'))
  await makeRepository(join(dir, 'github.com/fedora-copr/copr-test-hello-2.git'), async (at) => {
    const files = await titoFiles('subpkg', await example('2'))
    await at.commit(files)
    await at.git('tag', 'example-2-1')
  })
  await makeRepository(
    join(dir, 'github.com/fedora-copr/copr-test-module-macros.git'),
    async (at) => {
      await at.commit({
        'module-macros.spec': await empty({ name: 'module-macros', version: '1' }),
      })
    },
  )
  await makeDistgits(dir)
  const raw = join(dir, 'src.fedoraproject.org/rpms/hello/raw/f44/f/hello.spec')
  await write(raw, await specText('hello', { version: '2.12' }))
  await makeEnum(join(dir, 'praiskup.fedorapeople.org/courses/packaging'))
}

const empty = async (values: SpecValues): Promise<string> => await specText('empty', values)
const example = async (version: string): Promise<string> =>
  (await specText('hello', { version })).replaceAll(/\bhello\b/g, 'example')

async function makeSrpms(dir: string): Promise<void> {
  await makeSrpm(dir, await specText('hello', { version: '2.8' }))
  const faulty = await specText('hello', { version: '2.8', release: '2%{?dist}', extra: 'int }' })
  await makeSrpm(dir, faulty.replace(/^Name: .*/m, 'Name: evilhello'))
  const release = '0%{?dist}%{?buildtag}'
  await makeSrpm(dir, await empty({ name: 'buildtag', version: '0', release }))
  await makeSrpm(
    dir,
    await empty({ name: 'hello_beaker_test_2', version: '0.0.1', extra: 'BuildRequires: hello' }),
  )
}

/** Makes an SRPM without %dist in its release, as in the file names that upstream's tests download. */
async function makeSrpm(dir: string, spec: string): Promise<void> {
  const topdir = await mkdtemp(join(tmpdir(), 'copr-stand-ins-'))
  const file = join(topdir, 'package.spec')
  await writeFile(file, spec)
  const defines = [`_topdir ${topdir}`, 'dist %{nil}', 'buildtag %{nil}']
  const options = defines.flatMap((define) => ['--define', define])
  await runOrThrow('rpmbuild', ['-bs', '--nodeps', ...options, file])
  await mkdir(dir, { recursive: true })
  await cp(join(topdir, 'SRPMS'), dir, { recursive: true })
  await rm(topdir, { recursive: true })
}

/** Makes the repository that most tests clone, with a branch for each method of making an SRPM. */
async function makeTestHello(bare: string): Promise<void> {
  await makeRepository(bare, async (at) => {
    await at.commit({ ...(await titoFiles('', await example('1'))), '.copr/Makefile': MAKEFILE })
    await at.git('tag', 'example-1-1')
    await at.git('checkout', '-q', '-b', 'rpkg-util')
    await at.commit({ README: 'built by rpkg\n' })
    await at.git('checkout', '-q', '-b', 'rpkg-util-fail-rpm')
    const faulty = (await example('1')).replace('int main', 'int int main')
    await at.commit({ 'example.spec': faulty })
    await at.git('checkout', '-q', '-b', 'noluck-make-srpm')
    await at.commit({ '.copr/Makefile': 'srpm:\n\t@echo "stderr output" >&2; false\n' })
    await at.git('checkout', '-q', 'main')
  })
}

const MAKEFILE = `srpm:
	rpmbuild -bs --define "_sourcedir $$PWD" --define "_srcrpmdir $(outdir)" example.spec
`

async function titoFiles(folder: string, spec: string): Promise<Files> {
  const version = /^Version: +(\S+)/m.exec(spec)?.[1] ?? ''
  const path = folder === '' ? './' : `${folder}/`
  return {
    [join(folder, 'example.spec')]: spec,
    '.tito/tito.props':
      '[buildconfig]\nbuilder = tito.builder.Builder\ntagger = tito.tagger.VersionTagger\n',
    '.tito/packages/example': `${version}-1 ${path}\n`,
  }
}

async function makeDistgits(dir: string): Promise<void> {
  const hello = await specText('hello', { version: '2.12' })
  const simple = async (name: string): Promise<string> =>
    await empty({ name, version: '1', release: '1%{?dist}' })
  const repositories: [path: string, branch: string, spec: string][] = [
    ['src.fedoraproject.org/rpms/cpio', 'f44', await simple('cpio')],
    ['src.fedoraproject.org/rpms/rpkg-util', 'rawhide', await simple('rpkg-util')],
    ['src.fedoraproject.org/rpms/hello', 'rawhide', hello],
    ['src.fedoraproject.org/forks/frostyx/rpms/hello', 'rawhide', hello],
    ['git.centos.org/rpms/filesystem', 'c8', await simple('filesystem')],
    ['gitlab.com/redhat/centos-stream/rpms/filesystem', 'c9s', await simple('filesystem')],
  ]
  for (const [path, branch, spec] of repositories) {
    const name = /^Name: +(\S+)/m.exec(spec)?.[1] ?? ''
    // CentOS keeps specs in a subdirectory.
    const folder = path.startsWith('git.centos.org/') ? 'SPECS' : ''
    await makeRepository(join(dir, `${path}.git`), async (at) => {
      await at.git('checkout', '-q', '-b', branch)
      await at.commit({
        [join(folder, `${name}.spec`)]: spec,
        ...(folder === '' && { sources: '' }),
      })
    })
  }
}

/** Makes a bare repository with the commits that `fill` makes. */
async function makeRepository(
  bare: string,
  fill: (at: TestRepository) => Promise<void>,
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'copr-stand-ins-'))
  const repository = await testRepository(work)
  await fill(repository)
  await mkdir(dirname(bare), { recursive: true })
  await runOrThrow('git', ['clone', '-q', '--bare', work, bare])
  await rm(work, { recursive: true })
}

/** Makes the source archive for the checkout's `enum.spec`, with a configure script and a Makefile. */
async function makeEnum(dir: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'copr-stand-ins-'))
  const files: Files = {
    'enum-1.1/configure': '#!/bin/sh\nexit 0\n',
    'enum-1.1/Makefile': ENUM_MAKEFILE,
    'enum-1.1/enum.1': '.TH ENUM 1\n',
    'enum-1.1/COPYING': 'Apache-2.0\n',
    'enum-1.1/ChangeLog': 'Nothing\n',
  }
  for (const [path, text] of Object.entries(files)) await write(join(work, path), text, 0o755)
  await mkdir(dir, { recursive: true })
  const tar = ['-cjf', join(dir, 'enum-1.1.tar.bz2'), '-C', work, ...(await readdir(work))]
  await runOrThrow('tar', tar)
  await rm(work, { recursive: true })
}

const ENUM_MAKEFILE = `all:
	printf 'int main(void) { return 0; }\\n' > enum.c
	$(CC) -g -O2 -o enum enum.c
install:
	install -D enum $(DESTDIR)/usr/bin/enum
	install -D -m 644 enum.1 $(DESTDIR)/usr/share/man/man1/enum.1
`

async function write(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text, { mode })
}
