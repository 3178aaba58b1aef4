import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { runOrThrow } from '@copr/process/run'
import { machineFaults } from './check-machine.ts'
import { buildNatively } from './native-engine.ts'
import { openScratch } from './scratch.ts'
import {
  type BuildFixture,
  buildFixture,
  recordedContext,
  type RecordedContext,
} from './testing/build-fixture.ts'

const faults = await machineFaults()
const skip = faults.length > 0 && faults.join('; ')
let fixture: BuildFixture
let count = 0

before(async () => {
  if (!skip) fixture = await buildFixture()
})
after(async () => {
  if (!skip) await fixture[Symbol.asyncDispose]()
})

/** A spec whose sections are given; it ships one file. */
function specOf(
  sections: { head?: string; prep?: string; build?: string; check?: string; name?: string } = {},
): string {
  const { head = '', prep = '', build = '', check = '', name = 'probe' } = sections
  return `Name: ${name}
Version: 1.0
Release: 1
Summary: A probe
License: MIT
BuildArch: noarch
${head}

%description
A probe.

%prep
${prep}
%build
${build}
%install
install -d %{buildroot}/usr/share/${name}
echo data >%{buildroot}/usr/share/${name}/data
%check
${check}
%files
/usr/share/${name}
`
}

function start(task: RpmTask, context = recordedContext(join(fixture.dir, `run-${++count}`))) {
  const builds_dir = join(fixture.dir, 'builds')
  return {
    context,
    outcome: buildNatively(task, context, { builds_dir, cache_dir: fixture.cacheDir }),
  }
}

async function build(task: RpmTask) {
  const { context, outcome } = start(task)
  return { context, outcome: await outcome }
}

async function uploaded(context: RecordedContext, name: string): Promise<string> {
  const bytes = await readFile(context.uploads.get(name) ?? assert.fail(`${name} was not uploaded`))
  return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

/** What a script says within %check of a build that must succeed. */
async function probe(script: string, options: Partial<RpmTask> = {}): Promise<string[]> {
  const task = await fixture.task(
    specOf({ check: `set +ex\n{\n${script}\n} 2>&1 | sed 's/^/probe: /'` }),
    options,
  )
  const { context, outcome } = await build(task)
  assert.equal(outcome.outcome, 'succeeded', context.text())
  return [...context.text().matchAll(/^probe: (.*)$/gm)].map((match) => match[1] ?? '')
}

test('a C program with a source from the lookaside cache is built', { skip }, async () => {
  const spec = `Name: hello
Version: 1.0
Release: 1
Summary: Hello
License: MIT
Source0: hello.c
Source1: words.bin
BuildRequires: gcc, zlib-devel >= 1.0
%description
Hello.
%prep
cp %{SOURCE0} %{SOURCE1} .
%build
gcc -O2 -o hello hello.c -lz
%install
install -D hello %{buildroot}%{_bindir}/hello
%files
%{_bindir}/hello
`
  const files = { 'hello.c': '#include <zlib.h>\nint main(){return zlibVersion()==0;}\n' }
  const task = await fixture.task(spec, {
    files,
    lookaside: { 'words.bin': Buffer.from([0, 1, 2]) },
  })
  const { context, outcome } = await build(task)
  assert.equal(outcome.outcome, 'succeeded', context.text())
  const names = [...context.uploads.keys()]
  for (const name of [
    'hello-1.0-1.x86_64.rpm',
    'hello-1.0-1.src.rpm',
    'hello.spec',
    'build.log.gz',
    'root.log.gz',
    'state.log.gz',
    'hw_info.log.gz',
    'installed_pkgs.log.gz',
  ])
    assert.ok(names.includes(name), `${name} in ${names.join(' ')}`)
  const { packages } = JSON.parse(await uploaded(context, 'results.json')) as {
    packages: unknown[]
  }
  assert.deepEqual(packages, [
    { name: 'hello', epoch: null, version: '1.0', release: '1', arch: 'x86_64' },
    { name: 'hello', epoch: null, version: '1.0', release: '1', arch: 'src' },
  ])
  const info = await runOrThrow('rpm', [
    '-qp',
    '--nosignature',
    '--qf',
    '%{VENDOR}|%{BUILDHOST}',
    context.uploads.get('hello-1.0-1.x86_64.rpm') ?? '',
  ])
  assert.equal(info, 'Copr - user jane|builder')
  assert.match(await uploaded(context, 'build.log.gz'), /Wrote: .*hello-1.0-1.x86_64.rpm/)
  assert.match(await uploaded(context, 'installed_pkgs.log.gz'), /^zlib-devel-/m)
  assert.match(context.text(), /Build succeeded\n$/)
  if (outcome.outcome !== 'succeeded') return
  assert.deepEqual(Object.keys(outcome.seconds ?? {}), [
    'sources',
    'root',
    'srpm',
    'builddeps',
    'rpmbuild',
    'upload',
  ])
})

test('a build sees nothing of the host', { skip }, async () => {
  process.env['COPR_TEST_SECRET'] = 'secret'
  const says = await probe(`
id -un
hostname
env | grep -c SECRET
ls -A /tmp /var/tmp /home | grep -v rpm-tmp | tr '\\n' ' '; echo
ls -d /proc/[0-9]* | wc -l
tr '\\0' ' ' </proc/1/cmdline | grep -c ${fixture.dir}
grep -c copr-test-cache /proc/self/mountinfo
grep -E 'CapEff|NoNewPrivs' /proc/self/status | tr -s '\\t' ' '
tail -n +3 /proc/net/dev | sed 's/:.*//' | tr -d ' '
ls /proc/1/root/ >/dev/null 2>&1 && echo escaped || echo kept
echo 1 >/proc/sys/kernel/panic && echo written || echo refused
echo 1 >/etc/new && echo written || echo refused
tty || true
`)
  const [user, host, secrets, leftovers, processes, ...rest] = says
  assert.deepEqual([user, host, secrets], ['mockbuild', 'builder', '0'])
  assert.equal(leftovers?.replaceAll(/\S+:/g, '').trim(), '')
  assert.ok(Number(processes) < 20, `${processes} processes`)
  assert.deepEqual(
    rest.filter((line) => !/denied|Read-only/.test(line)),
    [
      '0',
      '0',
      'CapEff: 0000000000000000',
      'NoNewPrivs: 1',
      'lo',
      'kept',
      'refused',
      'refused',
      'not a tty',
    ],
  )
})

test('a build has the network only when the project says so', { skip }, async () => {
  const script =
    "tail -n +3 /proc/net/dev | wc -l; bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>&1 | grep -o -m1 refused"
  assert.deepEqual(await probe(script), ['1', 'refused'])
  const host = (await readFile('/proc/net/dev', 'utf8')).trim().split('\n').length - 2
  assert.equal((await probe(script, { enable_net: true }))[0], String(host))
})

test('conditions and macros of the task reach the spec', { skip }, async () => {
  const options = {
    with_opts: ['docs'],
    without_opts: ['tests'],
    macros: { copr_projectname: 'tools', odd: 'one\ntwo' },
  }
  const script =
    "echo '%{?with_docs:docs} %{?with_tests:tests} %{copr_projectname} %{?dist}'; echo '%{odd}'"
  const head = '%bcond_with docs\n%bcond_without tests'
  const task = await fixture.task(specOf({ head, check: script }), options)
  const { context, outcome } = await build(task)
  assert.equal(outcome.outcome, 'succeeded', context.text())
  assert.match(context.text(), /^docs {2}tools/m)
  assert.match(context.text(), /^one\ntwo$/m)
})

test('a failing %check fails the build and says so', { skip }, async () => {
  const { context, outcome } = await build(
    await fixture.task(specOf({ check: 'echo broken; false' })),
  )
  assert.equal(outcome.outcome, 'failed')
  assert.match(
    'reason' in outcome ? outcome.reason : '',
    /^rpmbuild ended with exit code 1: %check failed$/,
  )
  assert.match(context.text(), /Build failed: rpmbuild ended with exit code 1: %check failed\n$/)
  assert.ok(context.uploads.has('build.log.gz') && context.uploads.has('probe.spec'))
})

test('BuildRequires that nobody provides are named', { skip }, async () => {
  const head = 'BuildRequires: make, libunobtainium-devel >= 3, zlib-devel > 99'
  const { outcome } = await build(await fixture.task(specOf({ head })))
  assert.deepEqual(
    [outcome.outcome, 'reason' in outcome && outcome.reason],
    [
      'failed',
      'Packages needed for the build are missing: nothing provides libunobtainium-devel >= 3, zlib-devel > 99',
    ],
  )
})

test('rich BuildRequires are installed', { skip }, async () => {
  const head = 'BuildRequires: (nosuchthing or popt-devel >= 1), (zlib-devel if make)'
  const check = 'ls /usr/include/zlib.h /usr/include/popt.h'
  const { context, outcome } = await build(await fixture.task(specOf({ head, check })))
  assert.equal(outcome.outcome, 'succeeded', context.text())
  const bad = await build(
    await fixture.task(specOf({ head: 'BuildRequires: (nosuch or nothing)' })),
  )
  assert.match(
    'reason' in bad.outcome ? bad.outcome.reason : '',
    /nothing provides \(nosuch or nothing\)/,
  )
})

test('additional packages are installed, options among them are refused', { skip }, async () => {
  const script = 'ls /usr/include/zlib.h'
  assert.deepEqual(await probe(script, { buildroot_packages: ['zlib-devel'] }), [
    '/usr/include/zlib.h',
  ])
  const { outcome } = await build(
    await fixture.task(specOf(), { buildroot_packages: ['--installroot=/'] }),
  )
  assert.match('reason' in outcome ? outcome.reason : '', /it is not a package or a dependency$/)
})

test('generated BuildRequires are installed until there are no new ones', { skip }, async () => {
  const head =
    '%generate_buildrequires\necho zlib-devel\nif [ -e /usr/include/zlib.h ]; then echo "popt-devel >= 1"; fi'
  const spec = specOf({ check: 'ls /usr/include/zlib.h /usr/include/popt.h' }).replace(
    '%build',
    `${head}\n%build`,
  )
  const { context, outcome } = await build(await fixture.task(spec))
  assert.equal(outcome.outcome, 'succeeded', context.text())
  const srpm = context.uploads.get('probe-1.0-1.src.rpm') ?? ''
  assert.match(
    await runOrThrow('rpm', ['-qp', '--nosignature', '--requires', srpm]),
    /popt-devel >= 1/,
  )
})

test('generated BuildRequires that nobody provides are named', { skip }, async () => {
  const spec = specOf().replace(
    '%build',
    '%generate_buildrequires\necho "python3dist(unobtainium)"\n%build',
  )
  const { outcome } = await build(await fixture.task(spec))
  assert.match(
    'reason' in outcome ? outcome.reason : '',
    /nothing provides python3dist\(unobtainium\)/,
  )
})

test('a build that takes too long fails and says so', { skip }, async () => {
  const task = await fixture.task(specOf({ build: 'sleep 1000' }), { timeout_seconds: 3 })
  const { outcome } = await build(task)
  assert.equal(
    'reason' in outcome && outcome.reason,
    'the build took longer than its timeout of 3 seconds',
  )
})

test('a build that says too much fails and says so', { skip }, async () => {
  const limits = { max_log_bytes: 100_000, max_result_bytes: 1e6 }
  const { context, outcome } = await build(await fixture.task(specOf({ build: 'yes' }), { limits }))
  assert.equal(
    'reason' in outcome && outcome.reason,
    "the build's output is longer than 100000 bytes",
  )
  assert.ok(context.text().length < 101_000)
})

test('results over the limit fail the build', { skip }, async () => {
  const limits = { max_log_bytes: 1e6, max_result_bytes: 100 }
  const { outcome } = await build(await fixture.task(specOf(), { limits }))
  assert.match(
    'reason' in outcome ? outcome.reason : '',
    /^the results are larger than the limit of 100 bytes/,
  )
})

test('a canceled build ends at once and leaves nothing', { skip }, async () => {
  const { context, outcome } = start(
    await fixture.task(specOf({ build: 'echo now; sleep 54321 & sleep 54321' })),
  )
  await context.says('\nnow\n')
  context.abort('canceled')
  assert.equal((await outcome).outcome, 'canceled')
  assert.match(context.text(), /Build canceled\n$/)
  assert.deepEqual(await processesWith('54321'), [])
  assert.deepEqual(await readdir(join(fixture.dir, 'builds')), [])
})

test('a build that has replaced its folders by links is refused', { skip }, async () => {
  const { outcome } = await build(
    await fixture.task(
      specOf({
        build: 'rm -rf /builddir/build/SRPMS; ln -s /etc /builddir/build/SRPMS',
      }),
    ),
  )
  assert.match('reason' in outcome ? outcome.reason : '', /replaced its SRPMS folder by a link/)
})

test('sources without a spec, or with two, are refused', { skip }, async () => {
  const { outcome } = await build(
    await fixture.task(specOf(), { files: { 'other.spec': 'Name: other\n' } }),
  )
  assert.equal(
    'reason' in outcome && outcome.reason,
    'the sources contain more than one spec file: other.spec, probe.spec',
  )
})

test('a source that the lookaside cache lacks fails the build', { skip }, async () => {
  const { outcome } = await build(
    await fixture.task(specOf(), { files: { sources: `${'0'.repeat(32)}  gone.tar.gz\n` } }),
  )
  assert.match(
    'reason' in outcome ? outcome.reason : '',
    /the server answered 404 Not Found for .*gone\.tar\.gz/,
  )
})

test('what comes into the project repository is used by the next build', { skip }, async () => {
  const repo = join(fixture.dir, 'repo')
  await mkdir(repo)
  await runOrThrow('createrepo_c', ['--no-database', repo])
  const repos = [
    {
      id: 'copr_base',
      name: 'Project',
      baseurl: pathToFileURL(repo).href,
      priority: null,
      module_hotfixes: null,
      gpgcheck: false,
      repo_gpgcheck: null,
      gpgkey: null,
    },
  ]
  const user = await fixture.task(
    specOf({
      name: 'user',
      head: 'BuildRequires: brandnew',
      check: 'cat /usr/share/brandnew/data',
    }),
    { repos },
  )
  const first = await build(user)
  assert.match('reason' in first.outcome ? first.outcome.reason : '', /nothing provides brandnew$/)

  const made = await build(await fixture.task(specOf({ name: 'brandnew' })))
  await writeFile(
    join(repo, 'brandnew-1.0-1.noarch.rpm'),
    await readFile(made.context.uploads.get('brandnew-1.0-1.noarch.rpm') ?? ''),
  )
  await runOrThrow('createrepo_c', ['--no-database', repo])
  const second = await build(user)
  assert.equal(second.outcome.outcome, 'succeeded', second.context.text())

  // something else comes in: what was installed before serves again
  const other = await build(await fixture.task(specOf({ name: 'other' })))
  await writeFile(
    join(repo, 'other-1.0-1.noarch.rpm'),
    await readFile(other.context.uploads.get('other-1.0-1.noarch.rpm') ?? ''),
  )
  await runOrThrow('createrepo_c', ['--no-database', repo])
  const third = await build(user)
  assert.match(third.context.text(), /Packages are in the cached layer/)
})

test(
  'a repository of the user that is not there fails the build, one of the chroot is a fault of the builder',
  { skip },
  async () => {
    const gone = {
      id: 'gone',
      name: 'Gone',
      baseurl: 'file:///nonexistent',
      priority: null,
      module_hotfixes: null,
      gpgcheck: false,
      repo_gpgcheck: null,
      gpgkey: null,
    }
    const task = await fixture.task(specOf())
    const { outcome } = await build({ ...task, repos: [gone] })
    assert.match('reason' in outcome ? outcome.reason : '', /^Cannot read the repository Gone/)
    await assert.rejects(
      build({ ...task, chroot: { ...task.chroot, repos: [gone] } }),
      /Cannot read the repository Gone/,
    )
  },
)

test(
  'a killed builder takes its build with it, and the next one removes its files',
  { skip },
  async () => {
    const task = await fixture.task(specOf({ build: 'echo now; setsid sleep 65432 & sleep 65432' }))
    const scratch = join(fixture.dir, 'scratch')
    const program = fileURLToPath(new URL('testing/killable-build.ts', import.meta.url))
    const child = spawn(
      process.execPath,
      [program, JSON.stringify(task), scratch, fixture.cacheDir],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    child.stdout.resume()
    // while the program lives: one that ends early would never start them
    while (child.exitCode === null && (await processesWith('65432')).length < 2) await sleep(20)
    assert.equal(child.exitCode, null)
    child.kill('SIGKILL')
    await once(child, 'exit')
    while ((await processesWith('65432')).length > 0) await sleep(20)
    assert.doesNotMatch(await readFile('/proc/mounts', 'utf8'), /copr-builder-/)
    const left = (await readdir(scratch)).filter((name) => name.startsWith('builds-'))
    assert.equal(left.length, 1)
    await using _next = await openScratch(scratch, fixture.cacheDir)
    const now = (await readdir(scratch)).filter((name) => name.startsWith('builds-'))
    assert.equal(now.length, 1)
    assert.notDeepEqual(now, left)
  },
)

/** Processes of the whole machine with this word among their arguments. */
async function processesWith(word: string): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(
    ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')),
  )
  return lines.filter((line) => line.split('\0').includes(word))
}
