import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { machineFaults } from '../check-machine.ts'
import { runOrThrow } from '@copr/process/run'
import { buildDiskFaults } from '../disk/build-disk-faults.ts'
import { type BuildFixture, buildFixture, recordedContext } from '../testing/build-fixture.ts'
import { specOf } from '../testing/engine-suite.ts'
import {
  type MockConfigOptions,
  renderMockConfig,
  renderPortableMockConfig,
} from './mock-config.ts'
import { buildByMock, hasMock, type MockOptions } from './mock-engine.ts'

// A fake mock that accepts mock's command line, runs the rpmbuild of this machine, and records its arguments.
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
if [ -e "$dir/exit" ]; then echo "No matching package to install: 'lens-devel >= 2'"; echo 'ERROR: it does not work' >&2; exit "$(cat "$dir/exit")"; fi
if [ -n "\${spec-}" ]; then
  exec rpmbuild -bs --define "_sourcedir $sources" --define "_srcrpmdir $results" --define "_topdir $dir/top" "$spec"
fi
cp "$srpm" "$results"
rpmbuild --rebuild --define "_topdir $dir/top" --define "_rpmdir $results" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' "$srpm" || exit 10
`

const faults = await machineFaults()
const skip = faults.length > 0 && faults.join('; ')
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
    'configs.tar.gz',
    'build.log.gz',
  ])
    assert.ok(context.uploads.has(name), name)
  const calls = (await told('calls')).trim().split('\n')
  assert.equal(calls.length, 2)
  for (const call of calls) assert.match(call, /--with fast --without docs/)
  assert.deepEqual(context.unclean, [])
})

test('packages that mock has built are checked with rpmlint', { skip }, async () => {
  const task = await fixture.task(specOf({ name: 'lint' }), { reviews: ['rpmlint'] })
  const { context, outcome } = await build(task)
  assert.ok(outcome.outcome === 'succeeded', context.text())
  assert.equal(outcome.reviews?.[0]?.tool, 'rpmlint', context.text())
  assert.ok(context.uploads.has('rpmlint.txt'))
})

test("a build that fails in mock reports rpm's reason", async () => {
  const task = await fixture.task(specOf({ check: 'exit 1' }))
  const { outcome } = await build(task)
  assert.ok(outcome.outcome === 'failed')
  assert.match(outcome.reason, /the build failed: %check failed/)
  assert.deepEqual([outcome.failure?.category, outcome.failure?.section], ['test', '%check'])
})

test('a build fails and reports the missing requirements if its BuildRequires cannot be installed', async () => {
  const { outcome } = await build(await fixture.task(specOf()), 30)
  assert.ok(outcome.outcome === 'failed')
  assert.match(outcome.reason, /BuildRequires cannot be installed: it does not work/)
  assert.deepEqual(outcome.unmet, ['lens-devel >= 2'])
  assert.equal(outcome.failure?.category, 'dependency')
})

for (const code of [1, 20, 60, 80])
  test(`exit code ${code} of mock is a machine fault`, async () => {
    await assert.rejects(build(await fixture.task(specOf()), code), /mock exited with/)
  })

const MACHINE: MockConfigOptions = {
  repositories: [],
  base_dir: '/base',
  cache_dir: '/cache',
  package_manager: 'dnf5',
}

/** Evaluates a configuration as mock does, except for templates. */
async function readAsMock(text: string): Promise<Record<string, unknown>> {
  const read = `import json, sys
config_opts = {'macros': {}, 'plugin_conf': {}}
exec(sys.stdin.read())
print(json.dumps(config_opts))`
  return JSON.parse(await runOrThrow('python3', ['-c', read], { input: text })) as Record<
    string,
    unknown
  >
}

test('renderMockConfig() renders the values of the task as Python literals', async () => {
  const evil = `'"\\\n{ 7 * 7 }`
  const task = await fixture.task(specOf(), {
    macros: { vendor: evil, 'bad name': 'x' },
    enable_net: true,
    buildroot_packages: ['extra'],
    isolation: 'simple',
    timeout_seconds: 77,
    modules: [
      { action: 'enable', module: 'nodejs:22' },
      { action: 'disable', module: 'perl:5.40' },
    ],
  })
  const config = await readAsMock(renderMockConfig(task, MACHINE))
  assert.equal(config['target_arch'], 'x86_64')
  assert.equal(config['rpmbuild_networking'], true)
  assert.equal(config['rpmbuild_timeout'], 77)
  assert.equal(config['isolation'], 'simple')
  assert.equal(config['use_bootstrap'], false)
  assert.match(String(config['chroot_setup_cmd']), /^install .* extra$/)
  assert.deepEqual(config['macros'], { '%vendor': evil })
  assert.deepEqual(config['module_setup_commands'], [
    ['enable', 'nodejs:22'],
    ['disable', 'perl:5.40'],
  ])
})

const BOOTSTRAPS: [Partial<RpmTask>, string[]][] = [
  [{ bootstrap: 'default' }, ['use_bootstrap = False']],
  [{ bootstrap: 'off' }, ['use_bootstrap = False', 'use_bootstrap_image = False']],
  [{ bootstrap: 'on' }, ['use_bootstrap = True', 'use_bootstrap_image = False']],
  [{ bootstrap: 'image' }, ['use_bootstrap = True', 'use_bootstrap_image = True']],
  [
    { bootstrap: 'custom_image', bootstrap_image: 'example.org/f:43' },
    ['use_bootstrap = True', 'use_bootstrap_image = True', 'bootstrap_image = "example.org/f:43"'],
  ],
]
for (const [changes, lines] of BOOTSTRAPS)
  test(`bootstrap ${changes.bootstrap} is configured as in Copr`, async () => {
    const task = await fixture.task(specOf(), changes)
    const bootstrapIn = (text: string): string[] =>
      [...text.matchAll(/^config_opts\['(\w*bootstrap\w*)'\] = (.*)$/gm)].map(
        ([, name, value]) => `${name} = ${value}`,
      )
    assert.deepEqual(bootstrapIn(renderMockConfig(task, MACHINE)), lines)
    // On a user's machine, mock's own default applies.
    const portable = changes.bootstrap === 'default' ? [] : lines
    assert.deepEqual(bootstrapIn(renderPortableMockConfig(task)), portable)
  })

test('renderPortableMockConfig() uses public repository URLs, and contains neither passwords nor machine-specific settings', async () => {
  const results = { url: 'http://backend:5000/results', public_url: 'https://example.org/results' }
  const repo = { name: 'x', gpgcheck: false, priority: 7, module_hotfixes: null }
  const common = { ...repo, repo_gpgcheck: null, gpgkey: null }
  const task = await fixture.task(specOf(), {
    results,
    repos: [
      {
        ...common,
        id: 'copr_base',
        baseurl: `${results.url}/jane/tools/c/`,
        is_external: false,
      },
      {
        ...common,
        id: 'deps',
        baseurl: 'https://jane:pass@deps.example.org/$basearch/',
        is_external: true,
      },
    ],
  })
  const text = renderPortableMockConfig(task)
  const config = await readAsMock(text)
  const conf = String(config['dnf.conf'])
  assert.match(
    conf,
    /^\[copr_base\]\nname=x\nbaseurl=https:\/\/example.org\/results\/jane\/tools\/c\/$/m,
  )
  assert.match(conf, /^baseurl=https:\/\/deps.example.org\/\$basearch\/$/m)
  assert.match(conf, /^priority=7$/m)
  assert.doesNotMatch(text, /pass@|backend:5000|basedir|cache_topdir|rpmbuild_timeout/)
})

const REFUSED: [string, Partial<RpmTask>][] = [
  ['a macro', { macros: { vendor: '{{ 7 * 7 }}' } }],
  ['a package', { buildroot_packages: ['{% if x %}'] }],
  ['a comment', { macros: { vendor: '{# 7 #}' } }],
]
for (const [what, changes] of REFUSED)
  test(`text that mock would evaluate as a template is refused: ${what}`, async () => {
    const { context, outcome } = await build(await fixture.task(specOf(), changes))
    assert.ok(outcome.outcome === 'failed')
    assert.match(outcome.reason, /mock would evaluate/)
    assert.ok(!context.uploads.has('configs.tar.gz'))
    assert.match(context.text(), /^The results lack configs.tar.gz: mock would evaluate/m)
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
