import assert from 'node:assert/strict'
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { makeExampleSrpm } from './example/example.ts'
import { buildRootPackages, DISTRO_ARCH, DISTRO_RELEASE, DISTRO_VERSION } from './chroot.ts'
import { makeDistro, type Distro } from './make-distro.ts'

/** Shared with other tests, so that the repository is built only once on each machine. */
const CACHE = '/var/tmp/copr-test-cache'
const TOOLS = ['dpkg-query', 'apt-get', 'rpmbuild', 'createrepo_c', 'dnf', 'flock', 'unshare']

const missing: string[] = []
for (const tool of TOOLS)
  if (!(await run('sh', ['-c', 'command -v "$1"', 'sh', tool])).ok) missing.push(tool)
const skip =
  process.getuid?.() !== 0
    ? 'needs root'
    : missing.length > 0
      ? `needs ${missing.join(', ')}`
      : false

suite('the mini distribution', { skip }, () => {
  let work: string
  let distro: Distro

  before(async () => {
    work = await mkdtemp('/var/tmp/copr-distro-')
    distro = await makeDistro({ dir: join(CACHE, 'distro') })
  })
  after(async () => {
    await rm(work, { recursive: true, force: true })
  })

  test('makeDistro() does not rebuild when nothing has changed', async () => {
    const again = await makeDistro({ dir: join(CACHE, 'distro') })
    assert.deepEqual(again, { ...distro, made: false })
    assert.deepEqual(again.leftOut, [])
  })

  test('every RPM has valid digests', async () => {
    const rpms = (await readdir(distro.repoDir)).filter((name) => name.endsWith('.rpm'))
    assert.equal(rpms.length, distro.packages)
    const lines = (await runOrThrow('rpm', ['-K', ...rpms], { cwd: distro.repoDir }))
      .trim()
      .split('\n')
    assert.deepEqual(
      lines.filter((line) => !line.includes('digests OK')),
      [],
    )
  })

  test('an aborted makeDistro() leaves nothing that looks like a repository', async () => {
    const dir = join(work, 'stopped')
    const stop = new AbortController()
    const stopped = makeDistro({
      dir,
      cacheDir: join(CACHE, 'distro'),
      signal: stop.signal,
      onProgress: ({ step }) => step === 'files' && stop.abort(),
    })
    await assert.rejects(stopped)
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.startsWith('repo')),
      [],
    )
  })

  test('a package can be built in a buildroot of the mini distribution, as an unprivileged user and without network', async () => {
    const root = join(work, 'root')
    await fillRoot(root, distro.repoDir, await buildRootPackages())
    const rpms = await buildInRoot(root, await makeExampleSrpm(CACHE))
    const dist = DISTRO_RELEASE.replace('debian-', 'deb').replace('-', '')
    const names = ['hello-copr', 'hello-copr-debuginfo', 'hello-copr-debugsource']
    assert.deepEqual(
      rpms.toSorted(),
      names.map((name) => `${name}-1.0-1.${dist}.${DISTRO_ARCH}.rpm`),
    )
  })

  test('/bin/sh is bash, as in Fedora', async () => {
    const query = ['-qp', '--qf', '[%{FILENAMES} %{FILELINKTOS}\n]']
    const [bash] = (await readdir(distro.repoDir)).filter((name) => /^bash-\d/.test(name))
    assert.match(
      await runOrThrow('rpm', [...query, join(distro.repoDir, bash ?? '')]),
      /^\/usr\/bin\/sh bash$/m,
    )
    const names = ['coreutils', 'glibc-common', '/bin/sh', '/usr/bin/sh']
    const root = join(work, 'shell')
    await fillRoot(root, distro.repoDir, names)
    const script = 'cd /tmp && mkdir {one,two} && pushd one >/dev/null && pwd'
    assert.equal(await runOrThrow('chroot', [root, '/bin/sh', '-c', script]), '/tmp/one\n')
  })

  test('dnf finds packages by the names that Fedora specs use', async () => {
    const wanted = [
      'gcc-c++',
      'zlib-devel',
      'pkgconfig(zlib)',
      'python3-devel',
      'python3dist(setuptools)',
      '/usr/bin/python3',
    ].concat([
      '/bin/sh',
      '/usr/bin/autopoint',
      'pkgconfig(lua)',
      'perl(strict)',
      'perl-interpreter',
      'perl >= 5.008001',
      'perl >= 0:5.10',
      'perl-libs >= 4:5',
      'perl(:VERSION) >= 5.10.1',
      'libz.so.1()(64bit)',
      'redhat-rpm-config',
      'cmake-filesystem',
      'openssl-devel',
      'ruby(release)',
      'rubygems-devel',
      'lua(abi)',
      'perl(Module::Build)',
      'pkgconfig(gio-2.0)',
      'pkgconfig(libsystemd)',
      'python3dist(poetry-core)',
      '/usr/sbin/update-alternatives',
    ])
    await fillRoot(join(work, 'names'), distro.repoDir, wanted, ['--setopt=tsflags=test'])
  })

  /**
   * Installs packages into a root directory with dnf. rpm's database must be where the rpm in that directory looks for it; Debian's dnf
   * would put it elsewhere.
   */
  async function fillRoot(root: string, repo: string, packages: string[], options: string[] = []) {
    await mkdir(root, { recursive: true })
    await writeFile(join(work, '.rpmmacros'), '%_dbpath /var/lib/rpm\n')
    const settings = [
      'reposdir=/dev/null',
      'install_weak_deps=0',
      `cachedir=${work}/cache`,
      `logdir=${work}`,
    ]
    const args = [
      '--noplugins',
      '--assumeyes',
      `--installroot=${root}`,
      `--releasever=${DISTRO_VERSION}`,
      '--nogpgcheck',
    ].concat(
      settings.map((one) => `--setopt=${one}`),
      options,
    )
    await run('dnf', [...args, `--repofrompath=mini,file://${repo}`, 'install', ...packages], {
      env: { HOME: work },
    }).then((outcome) => {
      const isTested = options.length > 0 && outcome.output.includes('Transaction test succeeded')
      assert.ok(outcome.ok || isTested, outcome.output.slice(-3000))
    })
  }
})

async function buildInRoot(root: string, srpm: string): Promise<string[]> {
  await runOrThrow('chroot', [
    root,
    '/usr/sbin/useradd',
    '--uid',
    '1000',
    '--create-home',
    '--home-dir',
    '/builddir',
    'builder',
  ])
  await copyFile(srpm, join(root, 'builddir', basename(srpm)))
  const build = `exec chroot --userspec=1000:1000 "$1" /usr/bin/env -i HOME=/builddir PATH=/usr/bin:/usr/sbin \
    rpmbuild --define '_topdir /builddir/build' --rebuild "/builddir/$2"`
  const script = `mount -t tmpfs dev "$1/dev" && mknod -m 666 "$1/dev/null" c 1 3 && ln -s /proc/self/fd "$1/dev/fd" && ${build}`
  const isolated = ['--mount', '--pid', '--fork', '--net', `--mount-proc=${root}/proc`]
  await runOrThrow('unshare', [...isolated, 'sh', '-c', script, 'sh', root, basename(srpm)])
  return await readdir(join(root, 'builddir/build/RPMS', DISTRO_ARCH))
}
