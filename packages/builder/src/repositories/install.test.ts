import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { RepoConfig } from '@copr/contract/chroot-config'
import { runOrThrow } from '@copr/process/run'
import { emptyPackage } from '@copr/rpm/empty-package'
import type { Requirement } from '@copr/rpm/package-info'
import { BuildFailure } from '../build-failure.ts'
import { BuildLog } from '../build-log.ts'
import { machineFaults } from '../check-machine.ts'
import { limitsOfMachine } from '../sandbox/limits.ts'
import { installPackages } from './install.ts'
import { readRepository, type Repository } from './repository.ts'

const CHROOT = 'debian-12-x86_64'
const DB_PATH = '/var/lib/rpm'
const faults = await machineFaults()
const skip = faults.length > 0 && faults.join('; ')
const { signal } = new AbortController()

/** Subpackages of one spec, with files, epochs and virtual provides. */
const SPEC = `Name: main
Version: 1
Release: 1
Summary: Main
License: MIT
BuildArch: noarch
%description
Main.
${Object.entries({
  provider: 'Provides: foo[bar] = 1.0',
  foobar: '',
  epochal: 'Epoch: 1\nVersion: 2\nRelease: 3',
  zlibish: 'Provides: pkgconfig(zlib) = 1.3',
  left: 'Conflicts: right',
  right: '',
})
  .map(
    ([name, lines]) =>
      `%package -n ${name}\nSummary: ${name}\n${lines}\n%description -n ${name}\nA.\n%files -n ${name}\n`,
  )
  .join('')
  .replace('%files -n provider\n', '%files -n provider\n/usr/bin/foo\n/usr/share/provider/data\n')}
%install
install -D /dev/null %{buildroot}/usr/bin/foo
install -D /dev/null %{buildroot}/usr/share/provider/data
`

const dir = await mkdtemp(join(tmpdir(), 'copr-install-'))
let repository: Repository
let count = 0

before(async () => {
  if (skip) return
  const repo = join(dir, 'repo')
  await mkdir(repo)
  const spec = join(dir, 'main.spec')
  await writeFile(spec, SPEC)
  const defines = ['--define', `_topdir ${join(dir, 'top')}`, '--define', `_rpmdir ${repo}`]
  await runOrThrow('rpmbuild', ['-bb', ...defines, spec])
  for (const [name, version, requires] of [
    ['alpha', '1', []],
    ['beta', '1', []],
    ['tool', '1', []],
    ['tool', '2', []],
    ['newer', '1', ['tool >= 2']],
    ['broken', '1', ['nosuchlibrary']],
  ] as const) {
    const made = { name, version, release: '1', summary: name, requires: requires.map(requirement) }
    await writeFile(join(repo, `${name}-${version}.rpm`), emptyPackage(made))
  }
  await runOrThrow('createrepo_c', ['--quiet', repo])
  const config = RepoConfig.parse({ id: 'test', name: 'Test', baseurl: pathToFileURL(repo).href })
  repository = await readRepository(config, { chroot: CHROOT, isOurs: true, signal })
})
after(() => rm(dir, { recursive: true, force: true }))

function requirement(text: string): Requirement {
  const [, name, comparison, version] = /^([^( ]\S*) (<|<=|=|>=|>) (\S+)$/.exec(text) ?? []
  return name === undefined || version === undefined
    ? { name: text, comparison: '', version: '' }
    : { name, comparison: comparison as Requirement['comparison'], version }
}

async function emptyRoot(): Promise<string> {
  const root = join(dir, `root-${++count}`)
  await mkdir(root)
  return root
}

/** Installs packages into a buildroot; returns the installed packages, the log, and the reason for a failure. */
async function install(
  requires: string[],
  { root, packages = [] }: { root?: string; packages?: string[] } = {},
) {
  const directory = root ?? (await emptyRoot())
  const run = join(dir, `run-${++count}`)
  await mkdir(run)
  let text = ''
  const context = {
    writeLog: (chunk: Uint8Array) => void (text += Buffer.from(chunk).toString('utf8')),
    phase: () => undefined,
  }
  const log = new BuildLog({
    context,
    dir: run,
    max_bytes: 1e7,
    onTooLong: () => assert.fail(),
    onUnwritable: () => assert.fail(),
  })
  let reason = ''
  try {
    await installPackages({
      dir: run,
      limits: limitsOfMachine(),
      chroot: CHROOT,
      root: { directory },
      dbPath: DB_PATH,
      packages,
      requires: requires.map(requirement),
      repositories: [repository],
      log,
      signal,
    })
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error
    reason = error.message
  }
  const query = ['--root', directory, '--dbpath', DB_PATH, '-qa', '--qf', '%{NAME}-%{VERSION}\n']
  const installed = (await runOrThrow('rpm', query)).trim().split('\n').toSorted()
  return { run, installed: installed.filter(Boolean), text, reason }
}

const PACKAGE_NAME = /requires-[0-9a-f]{16}/

test('requirements are met by names, versions, files and rich dependencies', { skip }, async () => {
  const { installed, text, reason } = await install([
    'foo[bar]',
    'foo[bar] >= 0.9',
    '/usr/bin/foo',
    '/usr/share/provider/data',
    'pkgconfig(zlib) >= 1.2',
    'epochal = 1:2-3',
    '(nosuch or alpha >= 1)',
    '(beta if alpha)',
    '(nosuch if missing)',
  ])
  assert.equal(reason, '')
  assert.deepEqual(installed, ['alpha-1', 'beta-1', 'epochal-2', 'provider-1', 'zlibish-1'])
  assert.match(text, /Requirements: foo\[bar\], foo\[bar\] >= 0.9, \/usr\/bin\/foo/)
  assert.match(text, /^Complete!$/m)
  assert.doesNotMatch(text, PACKAGE_NAME)
})

test(
  'only the agent can write to the files that dnf installs requirements from',
  { skip },
  async () => {
    const { run } = await install(['alpha', '(alpha or beta)'])
    const folder = join(run, 'requires')
    for (const name of ['', ...(await readdir(folder))]) {
      const { uid, mode } = await stat(join(folder, name))
      assert.deepEqual([uid, mode & 0o022], [process.getuid?.(), 0], name)
    }
    assert.deepEqual(await readdir(folder), ['0.rpm'])
  },
)

test(
  'no requirement is interpreted as a pattern, NEVRA, group, option or URL',
  { skip },
  async () => {
    const requires = [
      '*',
      'fooba*',
      'fooba?',
      'foo[b]ar',
      'foobar.noarch',
      'foobar-1',
      'foobar-1-1',
      'foobar-1-1.noarch',
      'epochal = 2-3',
      '@core',
      '--help',
      'http://localhost/foobar.rpm',
      '/usr/bin/fo*',
    ]
    const { installed, text, reason } = await install([...requires, 'alpha'])
    const [, missing = ''] =
      /^Packages needed for the build are missing: nothing provides (.*)$/.exec(reason) ?? []
    assert.deepEqual(missing.split(', ').toSorted(), requires.toSorted())
    assert.deepEqual(installed, [])
    assert.match(text, /^ +- nothing provides foobar\.noarch$/m)
    assert.doesNotMatch(text + reason, PACKAGE_NAME)
  },
)

test('a failure names missing packages, unmet dependencies and conflicts', { skip }, async () => {
  const { reason } = await install(['alpha', 'broken', 'left', 'nosuch > 3', 'right'])
  assert.match(
    reason,
    /^Packages needed for the build are missing: nothing provides nosuch > 3; others cannot be installed: /,
  )
  assert.match(reason, /nothing provides nosuchlibrary needed by broken-1-1\.noarch/)
  assert.match(reason, /left-1-1\.noarch.* conflicts with right provided by right-1-1\.noarch/)
  assert.doesNotMatch(reason, PACKAGE_NAME)
})

test('a failure names missing additional packages and requirements', { skip }, async () => {
  const { reason } = await install(['nosuch[x] >= 2', 'alpha'], { packages: ['gone', 'beta'] })
  assert.equal(
    reason,
    'Packages needed for the build are missing: nothing provides gone, nosuch[x] >= 2',
  )
})

test('additional packages may be patterns and rich dependencies', { skip }, async () => {
  const packages = ['fooba*', '(nosuch or beta)', 'epochal >= 1:1']
  const { installed, reason } = await install([], { packages })
  assert.equal(reason, '')
  assert.deepEqual(installed, ['beta-1', 'epochal-2', 'foobar-1'])
  for (const bad of ['-x', '--installroot=/', 'http://localhost/foobar.rpm', 'a\nb', ''])
    assert.match(
      (await install([], { packages: [bad] })).reason,
      /is not a package or a dependency/,
    )
})

test(
  'requirements met by an earlier installation stay met, and a new requirement that conflicts with them fails with the reason',
  { skip },
  async () => {
    const root = await emptyRoot()
    assert.deepEqual((await install(['tool = 1-1'], { root })).installed, ['tool-1'])
    const later = await install(['tool = 1-1', 'alpha'], { root })
    assert.deepEqual([later.reason, later.installed], ['', ['alpha-1', 'tool-1']])
    const clash = await install(['tool = 1-1', 'alpha', 'newer'], { root })
    assert.match(clash.reason, /^Packages needed for the build cannot be installed: .*tool-2-1/)
    assert.deepEqual(clash.installed, ['alpha-1', 'tool-1'])
  },
)

test('no transaction runs if all requirements are met already', { skip }, async () => {
  const root = await emptyRoot()
  await install(['alpha'], { root })
  const again = await install(['alpha >= 1', '(alpha or beta)'], { root })
  assert.deepEqual([again.reason, again.installed], ['', ['alpha-1']])
  assert.doesNotMatch(again.text, /Running transaction/)
})

test('5,000 requirements are installed, or are reported as missing', { skip }, async () => {
  const met = Array.from({ length: 5000 }, (_, i) => `alpha >= 0.${i}`)
  const { installed, reason } = await install(met)
  assert.deepEqual([reason, installed], ['', ['alpha-1']])
  const unmet = await install(Array.from({ length: 5000 }, (_, i) => `gone(${i}) >= ${i}`))
  assert.match(unmet.reason, /nothing provides gone\(0\) >= 0, .* and 4\d\d\d more$/)
  assert.ok(unmet.reason.length < 2000)
})

test('the failure shows only the beginning of a requirement of 64 KiB', { skip }, async () => {
  const long = await install(['x'.repeat(64 * 1024), 'alpha'])
  assert.equal(
    long.reason,
    `Packages needed for the build are missing: nothing provides ${'x'.repeat(200)}…`,
  )
  const rich = `(${'gone or '.repeat(2000)}alpha)`
  assert.deepEqual((await install([rich])).installed, ['alpha-1'])
})

test('requirements that rpm would reject in a spec fail the build', { skip }, async () => {
  for (const bad of ['(alpha and beta or foobar)', '(alpha or', 'alpha\nbeta'])
    assert.match((await install(['alpha', bad])).reason, /^Cannot install "/, bad)
})
