import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { runOrThrow } from '@copr/process/run'
import { buildDiskFaults } from '../disk/build-disk-faults.ts'
import { type BuildFixture, buildFixture, recordedContext } from '../testing/build-fixture.ts'
import { specOf } from '../testing/engine-suite.ts'
import { renderMockConfig } from './mock-config.ts'
import { buildByMock, hasMock, type MockOptions } from './mock-engine.ts'

// Accepts mock's command line, runs the rpmbuild of this machine, and records its arguments.
const FAKE_MOCK = `#!/bin/sh
set -eu
dir=$(dirname "$0")
echo "$*" >>"$dir/calls"
while [ $# -gt 0 ]; do
  case $1 in
    --root) cp "$2" "$dir/config"; shift 2 ;;
    --spec) spec=$2; shift 2 ;;
    --sources) sources=$2; shift 2 ;;
    --resultdir) results=$2; shift 2 ;;
    --rebuild) srpm=$2; shift 2 ;;
    --with | --without) shift 2 ;;
    *) shift ;;
  esac
done
if [ -e "$dir/exit" ]; then echo 'ERROR: it does not work' >&2; exit "$(cat "$dir/exit")"; fi
if [ -n "\${spec-}" ]; then
  exec rpmbuild -bs --define "_sourcedir $sources" --define "_srcrpmdir $results" --define "_topdir $dir/top" "$spec"
fi
cp "$srpm" "$results"
rpmbuild --rebuild --define "_topdir $dir/top" --define "_rpmdir $results" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' "$srpm" || exit 10
`

const own_disk = (await buildDiskFaults()).length === 0
let fixture: BuildFixture
let count = 0
before(async () => {
  fixture = await buildFixture()
})
after(() => fixture[Symbol.asyncDispose]())

async function build(task: RpmTask, exit?: number) {
  const dir = join(fixture.dir, `mock-${++count}`)
  await mkdir(join(dir, 'scratch'), { recursive: true })
  const program = join(dir, 'mock')
  await writeFile(program, FAKE_MOCK)
  await chmod(program, 0o755)
  if (exit !== undefined) await writeFile(join(dir, 'exit'), String(exit))
  const context = recordedContext(dir)
  const options: MockOptions = {
    builds_dir: join(dir, 'scratch', 'builds'),
    own_disk,
    cache_dir: fixture.cacheDir,
    mock: { command: [program], user: { uid: 0, gid: 0 } },
  }
  const outcome = await buildByMock(task, context, options)
  return { context, outcome, told: (name: string) => readFile(join(dir, name), 'utf8') }
}

test('mock builds the SRPM and the packages of a task with its options', async () => {
  const task = await fixture.task(specOf(), { with_opts: ['fast'], without_opts: ['docs'] })
  const { context, outcome, told } = await build(task)
  assert.equal(outcome.outcome, 'succeeded', context.text())
  for (const name of [
    'probe-1.0-1.noarch.rpm',
    'probe-1.0-1.src.rpm',
    'probe.spec',
    'results.json',
    'build.log.gz',
  ])
    assert.ok(context.uploads.has(name), name)
  const calls = (await told('calls')).trim().split('\n')
  assert.equal(calls.length, 2)
  for (const call of calls) assert.match(call, /--with fast --without docs/)
  assert.deepEqual(context.unclean, [])
})

test('a build that fails in mock reports the reason of rpm', async () => {
  const task = await fixture.task(specOf({ check: 'exit 1' }))
  const { outcome } = await build(task)
  assert.ok(outcome.outcome === 'failed')
  assert.match(outcome.reason, /the build failed: %check failed/)
  assert.deepEqual([outcome.failure?.category, outcome.failure?.section], ['test', '%check'])
})

test('BuildRequires that cannot be installed fail the build', async () => {
  const { outcome } = await build(await fixture.task(specOf()), 30)
  assert.ok(outcome.outcome === 'failed')
  assert.match(outcome.reason, /BuildRequires cannot be installed: it does not work/)
  assert.equal(outcome.failure?.category, 'dependency')
})

for (const code of [1, 20, 60, 80])
  test(`exit code ${code} of mock is a machine fault`, async () => {
    await assert.rejects(build(await fixture.task(specOf()), code), /mock exited with/)
  })

test('renderMockConfig() renders the values of the task as Python literals', async () => {
  const evil = `'"\\\n{ 7 * 7 }`
  const task = await fixture.task(specOf(), {
    macros: { vendor: evil, 'bad name': 'x' },
    enable_net: true,
    buildroot_packages: ['extra'],
    isolation: 'simple',
    timeout_seconds: 77,
  })
  const text = renderMockConfig(task, {
    repositories: [],
    base_dir: '/base',
    cache_dir: '/cache',
    package_manager: 'dnf5',
  })
  const read = `import json, sys
config_opts = {'macros': {}, 'plugin_conf': {}}
exec(sys.stdin.read())
print(json.dumps(config_opts))`
  const config = JSON.parse(await runOrThrow('python3', ['-c', read], { input: text })) as Record<
    string,
    unknown
  >
  assert.equal(config['target_arch'], 'x86_64')
  assert.equal(config['rpmbuild_networking'], true)
  assert.equal(config['rpmbuild_timeout'], 77)
  assert.equal(config['isolation'], 'simple')
  assert.equal(config['use_bootstrap'], false)
  assert.match(String(config['chroot_setup_cmd']), /^install .* extra$/)
  assert.deepEqual(config['macros'], { '%vendor': evil })
})

const REFUSED: [string, Partial<RpmTask>][] = [
  ['a macro', { macros: { vendor: '{{ 7 * 7 }}' } }],
  ['a package', { buildroot_packages: ['{% if x %}'] }],
  ['a comment', { macros: { vendor: '{# 7 #}' } }],
]
for (const [what, changes] of REFUSED)
  test(`text that mock would evaluate as a template is refused: ${what}`, async () => {
    const { outcome } = await build(await fixture.task(specOf(), changes))
    assert.ok(outcome.outcome === 'failed')
    assert.match(outcome.reason, /mock would evaluate/)
  })

test('the real mock builds a package', async (t) => {
  if (!(await hasMock()))
    return t.skip('needs mock and its user copr-mock, as prepared machines have them')
  const context = recordedContext(join(fixture.dir, 'real'))
  await chmod(fixture.dir, 0o711)
  const builds_dir = join(fixture.dir, 'real-scratch', 'builds')
  const outcome = await buildByMock(await fixture.task(specOf()), context, {
    builds_dir,
    own_disk,
    cache_dir: fixture.cacheDir,
  })
  assert.equal(outcome.outcome, 'succeeded', context.text())
})
